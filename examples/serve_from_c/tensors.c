#include "tensors.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { MAX_FILE_BYTES = 1 << 28 };

bool succeeded(const TF_Status *status, const char *what) {
    if (TF_GetCode(status) == TF_OK) return true;
    fprintf(stderr, "error: %s: %s (code %d)\n", what, TF_Message(status), (int)TF_GetCode(status));
    return false;
}

bool is_shaped(const TF_Tensor *tensor, const char *name, TF_DataType type, int num_axes) {
    if (TF_TensorType(tensor) != type || TF_NumDims(tensor) != num_axes) {
        fprintf(stderr, "error: %s has type %d and %d axes, expected type %d and %d axes\n", name,
                (int)TF_TensorType(tensor), TF_NumDims(tensor), (int)type, num_axes);
        return false;
    }
    size_t item = type == TF_STRING ? sizeof(TF_TString) : TF_DataTypeSize(type);
    if (TF_TensorByteSize(tensor) == (size_t)TF_TensorElementCount(tensor) * item) return true;
    fprintf(stderr, "error: %s has %zu bytes, which is not what its shape says\n", name, TF_TensorByteSize(tensor));
    return false;
}

static bool cannot_be_read(const char *path, const char *why) {
    fprintf(stderr, "error: %s cannot be read: %s\n", path, why);
    return false;
}

static bool find_size(FILE *file, const char *path, size_t *size) {
    long end = -1;
    if (fseek(file, 0, SEEK_END) == 0) end = ftell(file);
    if (end < 0 || fseek(file, 0, SEEK_SET) != 0) return cannot_be_read(path, strerror(errno));
    if (end == LONG_MAX) return cannot_be_read(path, "it is no file"); /* What Linux says of a directory. */
    if (end > MAX_FILE_BYTES) return cannot_be_read(path, "larger than 256 MiB");
    *size = (size_t)end;
    return true;
}

char *read_file(const char *path, size_t *size) {
    FILE *file = fopen(path, "rb");
    if (file == NULL) {
        cannot_be_read(path, strerror(errno));
        return NULL;
    }
    char *bytes = NULL;
    if (find_size(file, path, size)) {
        bytes = malloc(*size + 1);
        if (bytes == NULL || fread(bytes, 1, *size, file) != *size) {
            cannot_be_read(path, bytes == NULL ? "no memory" : "it is no file, or became shorter");
            free(bytes);
            bytes = NULL;
        }
    }
    fclose(file);
    return bytes;
}

static TF_Tensor *allocate(TF_DataType type, const int64_t *shape, int num_axes, size_t num_bytes) {
    TF_Tensor *tensor = TF_AllocateTensor(type, shape, num_axes, num_bytes);
    if (tensor == NULL) fprintf(stderr, "error: no memory for a tensor of %zu bytes\n", num_bytes);
    return tensor;
}

TF_Tensor *string_tensor(const char *bytes, size_t size) {
    const int64_t shape[] = {1};
    TF_Tensor *tensor = allocate(TF_STRING, shape, 1, sizeof(TF_TString));
    if (tensor == NULL) return NULL;
    TF_TString *text = TF_TensorData(tensor);
    TF_TString_Init(text);
    TF_TString_Copy(text, bytes, size);
    return tensor;
}

TF_Tensor *seed_tensor(int64_t seed) {
    const int64_t shape[] = {1};
    TF_Tensor *tensor = allocate(TF_INT64, shape, 1, sizeof seed);
    if (tensor != NULL) memcpy(TF_TensorData(tensor), &seed, sizeof seed);
    return tensor;
}

void free_tensor(TF_Tensor *tensor) {
    if (tensor == NULL) return;
    if (TF_TensorType(tensor) == TF_STRING) {
        TF_TString *texts = TF_TensorData(tensor);
        for (int64_t i = 0; i < TF_TensorElementCount(tensor); i++) TF_TString_Dealloc(&texts[i]);
    }
    TF_DeleteTensor(tensor);
}

/* Grey levels [height, width, 3] of 8 bits, as numbers in [0, 1] with a batch in front. */
static TF_Tensor *scaled(const TF_Tensor *levels) {
    const int64_t shape[] = {1, TF_Dim(levels, 0), TF_Dim(levels, 1), TF_Dim(levels, 2)};
    int64_t count = TF_TensorElementCount(levels);
    TF_Tensor *tensor = allocate(TF_FLOAT, shape, 4, (size_t)count * sizeof(float));
    if (tensor == NULL) return NULL;
    const uint8_t *from = TF_TensorData(levels);
    float *to = TF_TensorData(tensor);
    for (int64_t i = 0; i < count; i++) to[i] = (float)from[i] / 255.0f;
    return tensor;
}

/* Builds a graph with one operation that decodes JPEG and PNG: RGB, of a file with several images the first one. */
static bool build_decoder(TF_Graph *graph, TF_Output *encoded, TF_Output *levels, TF_Status *status) {
    TF_OperationDescription *description = TF_NewOperation(graph, "Placeholder", "encoded");
    TF_SetAttrType(description, "dtype", TF_STRING);
    TF_SetAttrShape(description, "shape", NULL, 0);
    *encoded = (TF_Output){TF_FinishOperation(description, status), 0};
    if (!succeeded(status, "the decoder cannot be built")) return false;
    description = TF_NewOperation(graph, "DecodeImage", "levels");
    TF_AddInput(description, *encoded);
    TF_SetAttrInt(description, "channels", 3);
    TF_SetAttrType(description, "dtype", TF_UINT8);
    TF_SetAttrBool(description, "expand_animations", 0);
    *levels = (TF_Output){TF_FinishOperation(description, status), 0};
    return succeeded(status, "the decoder cannot be built");
}

static TF_Tensor *run_decoder(TF_Graph *graph, TF_Output encoded, TF_Output levels, TF_Tensor *bytes,
                              TF_Status *status) {
    TF_SessionOptions *options = TF_NewSessionOptions();
    TF_Session *session = TF_NewSession(graph, options, status);
    TF_DeleteSessionOptions(options);
    if (!succeeded(status, "the decoder cannot be started")) return NULL;
    TF_Tensor *found = NULL;
    TF_SessionRun(session, NULL, &encoded, &bytes, 1, &levels, &found, 1, NULL, 0, NULL, status);
    bool is_decoded = succeeded(status, "the image cannot be decoded");
    TF_CloseSession(session, status);
    is_decoded = succeeded(status, "the decoder cannot be closed") && is_decoded;
    TF_DeleteSession(session, status);
    is_decoded = succeeded(status, "the decoder cannot be deleted") && is_decoded;
    if (is_decoded && is_shaped(found, "the image", TF_UINT8, 3) && TF_Dim(found, 2) == 3) return found;
    free_tensor(found);
    return NULL;
}

TF_Tensor *decode_image(const char *bytes, size_t size) {
    TF_Tensor *images = NULL, *levels = NULL;
    TF_Status *status = TF_NewStatus();
    TF_Graph *graph = TF_NewGraph();
    TF_Tensor *one = allocate(TF_STRING, NULL, 0, sizeof(TF_TString));
    TF_Output encoded, decoded;
    if (one != NULL) {
        TF_TString_Init(TF_TensorData(one));
        TF_TString_Copy(TF_TensorData(one), bytes, size);
        if (build_decoder(graph, &encoded, &decoded, status))
            levels = run_decoder(graph, encoded, decoded, one, status);
    }
    if (levels != NULL) images = scaled(levels);
    free_tensor(levels);
    free_tensor(one);
    TF_DeleteGraph(graph);
    TF_DeleteStatus(status);
    return images;
}
