#include "signatures.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

/* Field numbers of tensorflow/core/protobuf/meta_graph.proto; entries of maps have a key and a value. */
enum { META_GRAPH_SIGNATURES = 5, ENTRY_KEY = 1, ENTRY_VALUE = 2, TENSOR_NAME = 1 };
/* How a field's value is written. */
enum { VARINT = 0, FIXED64 = 1, LENGTH_DELIMITED = 2, FIXED32 = 5 };

/* Bytes of a message that are not read yet. */
struct bytes {
    const uint8_t *data;
    size_t size;
};

static bool read_varint(struct bytes *from, uint64_t *value) {
    *value = 0;
    for (unsigned shift = 0; shift < 64 && from->size > 0; shift += 7) {
        uint8_t byte = *from->data++;
        from->size--;
        *value |= (uint64_t)(byte & 0x7f) << shift;
        if (!(byte & 0x80)) return true;
    }
    return false;
}

static bool take(struct bytes *from, uint64_t count, struct bytes *taken) {
    if (count > from->size) return false;
    *taken = (struct bytes){from->data, (size_t)count};
    from->data += count;
    from->size -= (size_t)count;
    return true;
}

/* Reads one field; `value` is empty unless the field is a text or a message. */
static bool read_field(struct bytes *from, uint64_t *number, struct bytes *value) {
    uint64_t tag, count;
    if (!read_varint(from, &tag)) return false;
    *number = tag >> 3;
    struct bytes skipped;
    *value = (struct bytes){from->data, 0};
    switch (tag & 7) {
        case VARINT: return read_varint(from, &count);
        case FIXED64: return take(from, 8, &skipped);
        case FIXED32: return take(from, 4, &skipped);
        case LENGTH_DELIMITED: return read_varint(from, &count) && take(from, count, value);
        default: return false;
    }
}

/* The last field of a number, as protocol buffers have it. */
static bool find_field(struct bytes message, uint64_t wanted, struct bytes *value) {
    bool is_found = false;
    while (message.size > 0) {
        uint64_t number;
        struct bytes field;
        if (!read_field(&message, &number, &field)) return false;
        if (number == wanted) {
            *value = field;
            is_found = true;
        }
    }
    return is_found;
}

/* The value that a map, which is a repeated field, has for a key. */
static bool find_entry(struct bytes message, uint64_t map, const char *key, struct bytes *value) {
    while (message.size > 0) {
        uint64_t number;
        struct bytes entry, found;
        if (!read_field(&message, &number, &entry)) return false;
        if (number != map || !find_field(entry, ENTRY_KEY, &found)) continue;
        if (found.size == strlen(key) && memcmp(found.data, key, found.size) == 0)
            return find_field(entry, ENTRY_VALUE, value);
    }
    return false;
}

bool find_signature_tensor(const void *meta_graph, size_t size, const char *signature, enum tensor_kind kind,
                           const char *key, char *name, size_t name_size, int *index) {
    struct bytes found = {meta_graph, size};
    if (!find_entry(found, META_GRAPH_SIGNATURES, signature, &found)) return false;
    if (!find_entry(found, kind, key, &found)) return false;
    if (!find_field(found, TENSOR_NAME, &found)) return false;
    if (found.size == 0 || found.size >= name_size) return false;
    memcpy(name, found.data, found.size);
    name[found.size] = '\0';
    char *colon = strrchr(name, ':'); /* operation:index */
    if (colon == NULL || colon == name) return false;
    char *end;
    long number = strtol(colon + 1, &end, 10);
    if (end == colon + 1 || *end != '\0' || number < 0 || number > 1000000) return false;
    *colon = '\0';
    *index = (int)number;
    return true;
}
