/* A SavedModel in a session, and requests to its signatures. */

#ifndef MODEL_H
#define MODEL_H

#include <stdbool.h>

#include "tensorflow/c/c_api.h"

struct model {
    TF_Graph *graph;
    TF_Session *session;
    TF_Buffer *meta_graph; /* Which tensors belong to which signature. */
};

/* What is taken of an answer to one image: float32 and string, both [1, number of classes]. */
struct answer {
    TF_Tensor *probabilities;
    TF_Tensor *class_names;
};

/* Each of these says what went wrong in one line on stderr, and then returns false with nothing left to free. */
bool load_model(const char *version, struct model *model);
bool run_signature(const struct model *model, const char *signature, int num_inputs, const char *const *keys,
                   TF_Tensor *const *inputs, struct answer *answer);
bool close_model(struct model *model);

#endif
