"""What a cross-validation is, in a sentence for pages, cards and terminals."""

_WHY = (
    "approximate: it comes from a cross-validation, whose images were answered by several networks that share training "
    "images, and of these one is used."
)
APPROXIMATE_BOUND = f"The bound is {_WHY}"
APPROXIMATE_PROMISES = f"What is promised, of accepted and unknown answers and of prediction sets, is {_WHY}"


def folds_sentence(num_folds: int) -> str:
    """What figures of a cross-validation rest on."""
    return (
        f"Cross-validation in {num_folds} folds: each image is tested once, by one of {num_folds} networks that neither "
        "trained on it nor chose its epoch by it. The networks share training images, so intervals are widened (Nadeau and "
        f"Bengio 2003). Times are those of all {num_folds} networks together; weights that are shown or exported are "
        "those of the first."
    )
