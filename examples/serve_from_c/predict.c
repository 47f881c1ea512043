/* Asks an exported model about an image file, by the C API of TensorFlow: no Python.
 *
 *     predict VERSION IMAGE [SEED]
 *
 * VERSION is the directory that holds saved_model.pb. Prints a line for each class and signature: signature, class,
 * probability, with tabs between them. Ends with 1 and one line on stderr if anything is not as expected.
 */

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "model.h"
#include "tensors.h"

static bool parse_seed(const char *text, int64_t *seed) {
    char *end;
    errno = 0;
    *seed = strtoll(text, &end, 10);
    if (errno == 0 && end != text && *end == '\0') return true;
    fprintf(stderr, "error: SEED=%s: expected a whole number of 64 bits\n", text);
    return false;
}

static void print_answer(const char *signature, const struct answer *answer) {
    const float *probabilities = TF_TensorData(answer->probabilities);
    const TF_TString *names = TF_TensorData(answer->class_names);
    for (int64_t i = 0; i < TF_Dim(answer->probabilities, 1); i++) {
        int length = (int)TF_TString_GetSize(&names[i]);
        printf("%s\t%.*s\t%.9g\n", signature, length, TF_TString_GetDataPointer(&names[i]), probabilities[i]);
    }
}

/* Sends one request, prints its answer, and frees both. A tensor that could not be made is NULL. */
static bool ask(const struct model *model, const char *signature, int count, const char *const *keys,
                TF_Tensor *const *inputs) {
    bool is_whole = true;
    for (int i = 0; i < count; i++) is_whole = is_whole && inputs[i] != NULL;
    struct answer answer = {NULL, NULL};
    bool is_answered = is_whole && run_signature(model, signature, count, keys, inputs, &answer);
    if (is_answered) print_answer(signature, &answer);
    free_tensor(answer.probabilities);
    free_tensor(answer.class_names);
    for (int i = 0; i < count; i++) free_tensor(inputs[i]);
    return is_answered;
}

/* The file's bytes: the graph decodes them, and its noise is fresh. */
static bool ask_with_bytes(const struct model *model, const char *bytes, size_t size) {
    const char *const keys[] = {"image_bytes"};
    TF_Tensor *const inputs[] = {string_tensor(bytes, size)};
    return ask(model, "serving_default", 1, keys, inputs);
}

/* Pixels in [0, 1] and a seed: the same answer each time. */
static bool ask_with_seed(const struct model *model, const char *bytes, size_t size, int64_t seed) {
    const char *const keys[] = {"images", "seed"};
    TF_Tensor *const inputs[] = {decode_image(bytes, size), seed_tensor(seed)};
    return ask(model, "predict_seeded", 2, keys, inputs);
}

int main(int argc, char **argv) {
    if (argc < 3 || argc > 4) {
        fprintf(stderr, "usage: predict VERSION IMAGE [SEED]\n");
        return 2;
    }
    int64_t seed = 0;
    if (argc == 4 && !parse_seed(argv[3], &seed)) return 2;
    size_t size = 0;
    char *bytes = read_file(argv[2], &size);
    if (bytes == NULL) return 1;
    struct model model;
    bool is_done = false;
    if (load_model(argv[1], &model)) {
        is_done = ask_with_bytes(&model, bytes, size) && ask_with_seed(&model, bytes, size, seed);
        is_done = close_model(&model) && is_done;
    }
    free(bytes);
    if (is_done && fflush(stdout) != 0) {
        fprintf(stderr, "error: the answers cannot be printed: %s\n", strerror(errno));
        is_done = false;
    }
    return is_done ? 0 : 1;
}
