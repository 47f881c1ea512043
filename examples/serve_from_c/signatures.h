/* Which tensors of a graph belong to a signature of a SavedModel. */

#ifndef SIGNATURES_H
#define SIGNATURES_H

#include <stdbool.h>
#include <stddef.h>

/* Fields of the protocol buffer SignatureDef. */
enum tensor_kind { SIGNATURE_INPUT = 1, SIGNATURE_OUTPUT = 2 };

/* Finds a tensor of a signature, such as the output "probabilities" of "serving_default".
 *
 * meta_graph, size: a serialized MetaGraphDef, as TF_LoadSessionFromSavedModel gives it.
 * name, name_size: where the name of the tensor's operation is written, with a zero at its end.
 * index: which of the operation's outputs the tensor is.
 *
 * Returns false if there is no such tensor, if its name does not fit, or if the bytes are damaged.
 */
bool find_signature_tensor(const void *meta_graph, size_t size, const char *signature, enum tensor_kind kind,
                           const char *key, char *name, size_t name_size, int *index);

#endif
