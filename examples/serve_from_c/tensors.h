/* Tensors from files and numbers, their checks, and their end. */

#ifndef TENSORS_H
#define TENSORS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "tensorflow/c/c_api.h"

/* Whether a call went well; if not, says what failed and why on stderr. */
bool succeeded(const TF_Status *status, const char *what);

/* Whether a tensor has a type and a number of axes, and as many bytes as its shape says; if not, says so on stderr. */
bool is_shaped(const TF_Tensor *tensor, const char *name, TF_DataType type, int num_axes);

/* Reads a whole file into memory that the caller frees. NULL, and a line on stderr, if that cannot be done. */
char *read_file(const char *path, size_t *size);

/* Each of these returns a tensor for free_tensor, or NULL after a line on stderr. */
TF_Tensor *string_tensor(const char *bytes, size_t size);     /* string [1] */
TF_Tensor *seed_tensor(int64_t seed);                         /* int64 [1] */
TF_Tensor *decode_image(const char *bytes, size_t size);      /* float32 [1, height, width, 3] in [0, 1] */

/* Frees a tensor, with the texts in it; NULL is nothing to free. */
void free_tensor(TF_Tensor *tensor);

#endif
