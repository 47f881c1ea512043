#include "model.h"

#include <stdio.h>

#include "signatures.h"
#include "tensors.h"

enum { MAX_INPUTS = 2, MAX_NAME = 1024 };

bool load_model(const char *version, struct model *model) {
    const char *const tags[] = {"serve"};
    TF_Status *status = TF_NewStatus();
    TF_SessionOptions *options = TF_NewSessionOptions();
    model->graph = TF_NewGraph();
    model->meta_graph = TF_NewBuffer();
    model->session =
        TF_LoadSessionFromSavedModel(options, NULL, version, tags, 1, model->graph, model->meta_graph, status);
    TF_DeleteSessionOptions(options);
    bool is_loaded = succeeded(status, "the model cannot be loaded");
    TF_DeleteStatus(status);
    if (!is_loaded) {
        TF_DeleteBuffer(model->meta_graph);
        TF_DeleteGraph(model->graph);
    }
    return is_loaded;
}

bool close_model(struct model *model) {
    TF_Status *status = TF_NewStatus();
    TF_CloseSession(model->session, status);
    bool is_closed = succeeded(status, "the session cannot be closed");
    TF_DeleteSession(model->session, status);
    is_closed = succeeded(status, "the session cannot be deleted") && is_closed;
    TF_DeleteStatus(status);
    TF_DeleteBuffer(model->meta_graph);
    TF_DeleteGraph(model->graph);
    return is_closed;
}

/* Finds a tensor of a signature in the graph, and checks its type. */
static bool find_tensor(const struct model *model, const char *signature, enum tensor_kind kind, const char *key,
                        TF_DataType type, TF_Output *found) {
    char name[MAX_NAME];
    int index = 0;
    if (!find_signature_tensor(model->meta_graph->data, model->meta_graph->length, signature, kind, key, name,
                               sizeof name, &index)) {
        fprintf(stderr, "error: the model has no %s '%s' in a signature %s\n",
                kind == SIGNATURE_INPUT ? "input" : "output", key, signature);
        return false;
    }
    found->oper = TF_GraphOperationByName(model->graph, name);
    found->index = index;
    if (found->oper == NULL || index >= TF_OperationNumOutputs(found->oper)) {
        fprintf(stderr, "error: %s: the graph has no tensor %s:%d\n", signature, name, index);
        return false;
    }
    if (TF_OperationOutputType(*found) != type) {
        fprintf(stderr, "error: %s: '%s' has type %d, expected %d\n", signature, key,
                (int)TF_OperationOutputType(*found), (int)type);
        return false;
    }
    return true;
}

static bool is_as_expected(const struct answer *answer) {
    return is_shaped(answer->probabilities, "probabilities", TF_FLOAT, 2) &&
           is_shaped(answer->class_names, "class_names", TF_STRING, 2) && TF_Dim(answer->probabilities, 0) == 1 &&
           TF_Dim(answer->class_names, 0) == 1 &&
           TF_Dim(answer->probabilities, 1) == TF_Dim(answer->class_names, 1);
}

bool run_signature(const struct model *model, const char *signature, int num_inputs, const char *const *keys,
                   TF_Tensor *const *inputs, struct answer *answer) {
    TF_Output fed[MAX_INPUTS], fetched[2];
    if (num_inputs > MAX_INPUTS) {
        fprintf(stderr, "error: %s: %d inputs, expected at most %d\n", signature, num_inputs, MAX_INPUTS);
        return false;
    }
    for (int i = 0; i < num_inputs; i++)
        if (!find_tensor(model, signature, SIGNATURE_INPUT, keys[i], TF_TensorType(inputs[i]), &fed[i])) return false;
    if (!find_tensor(model, signature, SIGNATURE_OUTPUT, "probabilities", TF_FLOAT, &fetched[0])) return false;
    if (!find_tensor(model, signature, SIGNATURE_OUTPUT, "class_names", TF_STRING, &fetched[1])) return false;

    TF_Status *status = TF_NewStatus();
    TF_Tensor *outputs[2] = {NULL, NULL};
    TF_SessionRun(model->session, NULL, fed, inputs, num_inputs, fetched, outputs, 2, NULL, 0, NULL, status);
    bool is_right = succeeded(status, signature);
    TF_DeleteStatus(status);
    *answer = (struct answer){outputs[0], outputs[1]};
    if (is_right && !is_as_expected(answer)) {
        fprintf(stderr, "error: %s: expected one row of probabilities and one of class names\n", signature);
        is_right = false;
    }
    if (!is_right) {
        free_tensor(answer->probabilities);
        free_tensor(answer->class_names);
        *answer = (struct answer){NULL, NULL};
    }
    return is_right;
}
