"""Names of the files of an exported version."""

SAVED_MODEL_NAME = "saved_model.pb"
MODEL_CARD_NAME = "model_card.json"
CLASS_NAMES_NAME = "class_names.txt"
WARMUP_NAME = "assets.extra/tf_serving_warmup_requests"
