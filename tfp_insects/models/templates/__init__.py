"""Designs that are built from a model that is there already, such as those of `tf_keras.applications`."""
