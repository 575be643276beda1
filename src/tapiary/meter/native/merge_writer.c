#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>
#include "merge.h"
#include "merge_writer.h"
#include "reader.h"

#define WRITE_BYTES (1u << 20)
#define PAGE 4096u
#define BEHIND_BYTES (8u << 20)     /* the disk begins with so many while the next are merged: the file is synced in the end */

static int write_out(Writer *w, size_t n) {
    if (!n) return 1;
    for (size_t at = 0; at < n;) {
        ssize_t done = write(w->file, w->data + at, n - at);
        if (done < 0 && errno == EINTR) continue;
        if (done <= 0) {
            w->error = done < 0 ? errno : EIO;
            return 0;
        }
        at += (size_t)done;
    }
    w->out += n;
#ifdef SYNC_FILE_RANGE_WRITE
    if (w->out - w->begun >= BEHIND_BYTES) {
        sync_file_range(w->file, (off_t)w->begun, (off_t)(w->out - w->begun), SYNC_FILE_RANGE_WRITE);   /* only a hint */
        w->begun = w->out;
    }
#endif
    w->size -= n;
    memmove(w->data, w->data + n, w->size);
    return 1;
}

int writer_flush(Writer *w) { return !w->error && write_out(w, w->size); }

uint8_t *writer_block(Writer *w, size_t n) {
    if (w->error) return NULL;
    if (w->room - w->size < n) {
        if (!write_out(w, w->size - w->size % PAGE)) return NULL;   /* whole pages: half ones are written twice */
        size_t room = WRITE_BYTES + PAGE > w->size + n ? WRITE_BYTES + PAGE : w->size + n;
        if (room > w->room) {
            uint8_t *p = realloc(w->data, room);
            if (!p) {
                w->error = ENOMEM;
                return NULL;
            }
            w->data = p;
            w->room = room;
        }
    }
    uint8_t *at = w->data + w->size;
    w->size += n;
    w->written += n;
    return at;
}

int writer_section(Writer *w) {
    static const char program[8] = "tapiary";
    uint32_t length = 28 + 12 + 4;
    uint8_t *p = writer_block(w, length);
    if (!p) return 0;
    p = put32(put32(put32(p, 0x0a0d0d0a), length), 0x1a2b3c4d);
    p = put16(put16(p, 1), 0);
    memset(p, 0xff, 8);         /* its length: not said */
    p = put16(put16(p + 8, 4), 7);      /* shb_userappl */
    memcpy(p, program, 8);
    put32(put32(p + 8, 0), length);
    return 1;
}

/* Length of the UTF-8 character at p (RFC 3629, 4), 0 when it is none or one that moves a terminal's cursor. */
static size_t character(const uint8_t *p, size_t size) {
    if (p[0] < 0x80) return p[0] >= 0x20 && p[0] != 0x7f;
    size_t n = p[0] >= 0xf0 ? 4 : p[0] >= 0xe0 ? 3 : 2;
    if (p[0] < 0xc2 || p[0] > 0xf4 || n > size) return 0;
    for (size_t i = 1; i < n; i++)
        if ((p[i] & 0xc0) != 0x80) return 0;
    if (p[0] == 0xc2 && p[1] < 0xa0) return 0;
    if ((p[0] == 0xe0 && p[1] < 0xa0) || (p[0] == 0xed && p[1] > 0x9f)) return 0;
    if ((p[0] == 0xf0 && p[1] < 0x90) || (p[0] == 0xf4 && p[1] > 0x8f)) return 0;
    return n;
}

/* Copies whole characters while they fit; what is none becomes an underscore. Returns the bytes written. */
static size_t copy_text(uint8_t *to, size_t room, Text text) {
    size_t n = 0;
    for (size_t at = 0; at < text.size;) {
        size_t length = character(text.data + at, text.size - at), taken = length ? length : 1;
        if (n + taken > room) break;
        if (length) memcpy(to + n, text.data + at, length);
        else to[n] = '_';
        n += taken;
        at += taken;
    }
    return n;
}

/* An option's header before text that stands already at p + 4, and padding after it; none for no text. */
static uint8_t *finish_option(uint8_t *p, uint32_t code, size_t size) {
    if (!size) return p;
    put16(put16(p, code), (uint32_t)size);
    memset(p + 4 + size, 0, -size & 3);
    return p + 4 + ((size + 3) & ~(size_t)3);
}

int64_t writer_interface(Writer *w, uint32_t link_type, uint32_t snaplen, Text name, Text own_name, Text description, int64_t likely) {
    static const uint8_t colon = ':';
    uint8_t block[MERGE_NAME + MERGE_DESCRIPTION + 64], *p = block + 16;
    if (name.size == own_name.size && name.size && !memcmp(name.data, own_name.data, name.size)) own_name.size = 0;
    size_t n = copy_text(p + 4, MERGE_NAME, name);
    if (n && own_name.size) n += copy_text(p + 4 + n, MERGE_NAME - n, (Text){&colon, 1});
    n += copy_text(p + 4 + n, MERGE_NAME - n, own_name);
    p = finish_option(p, 2, n);                                                     /* if_name */
    p = finish_option(p, 3, copy_text(p + 4, MERGE_DESCRIPTION, description));      /* if_description */
    p = put16(put16(p, 9), 1);                                                      /* if_tsresol: 10^-9 s */
    p = put32(p, 0);
    p[-4] = 9;
    p = put32(p, 0);
    uint32_t length = (uint32_t)(p - block) + 4;
    put32(p, length);
    put32(put32(block, 1), length);
    put32(put16(put16(block + 8, link_type), 0), snaplen);

    if (likely >= 0 && w->interfaces[likely].size == length && !memcmp(w->interfaces[likely].block, block, length)) return likely;
    if (w->interface_count >= MAX_INTERFACES) return -1;
    if (w->interface_count == w->interface_room) {
        uint32_t more = w->interface_room ? w->interface_room * 2 : 16;
        Described *described = realloc(w->interfaces, more * sizeof *described);
        if (!described) goto failed;
        w->interfaces = described;
        w->interface_room = more;
    }
    uint8_t *copy = malloc(length), *to = copy ? writer_block(w, length) : NULL;
    if (!to) {
        free(copy);
        if (!copy) goto failed;
        return -1;
    }
    memcpy(copy, block, length);
    memcpy(to, block, length);
    w->interfaces[w->interface_count] = (Described){copy, length};
    return w->interface_count++;
failed:
    w->error = ENOMEM;
    return -1;
}

void writer_free(Writer *w) {
    for (uint32_t i = 0; i < w->interface_count; i++) free(w->interfaces[i].block);
    free(w->interfaces);
    free(w->data);
}
