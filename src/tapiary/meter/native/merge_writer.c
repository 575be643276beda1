#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>
#include "merge.h"
#include "merge_writer.h"
#include "reader.h"

#ifndef WRITE_BYTES                 /* fuzzing has a small one */
#define WRITE_BYTES (1u << 20)
#endif
#define PAGE 4096u
/* The disk begins with so many bytes while the next are merged: the file is synced in the end. */
#define BEHIND_BYTES (8u << 20)

/* Returns 0 or errno. */
static int write_out(Writer *w, const uint8_t *data, size_t n) {
    for (size_t at = 0; at < n;) {
        ssize_t done = write(w->file, data + at, n - at);
        if (done < 0 && errno == EINTR) continue;
        if (done <= 0) return done < 0 ? errno : EIO;
        at += (size_t)done;
    }
    w->out += n;
#ifdef SYNC_FILE_RANGE_WRITE
    if (w->out - w->begun >= BEHIND_BYTES) {
        sync_file_range(w->file, (off_t)w->begun, (off_t)(w->out - w->begun), SYNC_FILE_RANGE_WRITE);   /* only a hint */
        w->begun = w->out;
    }
#endif
    return 0;
}

static void *write_all(void *argument) {
    Writer *w = argument;
    pthread_mutex_lock(&w->lock);
    for (;;) {
        while (!w->leaving.size && !w->stopping) pthread_cond_wait(&w->changed, &w->lock);
        if (w->stopping) break;
        pthread_mutex_unlock(&w->lock);
        int failed = write_out(w, w->leaving.data, w->leaving.size);
        pthread_mutex_lock(&w->lock);
        if (failed) w->failed = failed;
        w->leaving.size = 0;
        pthread_cond_signal(&w->changed);
    }
    pthread_mutex_unlock(&w->lock);
    return NULL;
}

/* Waits until the thread has written what it got. Returns 0 when it could not. */
static int settle(Writer *w) {
    if (w->started) {
        pthread_mutex_lock(&w->lock);
        while (w->leaving.size) pthread_cond_wait(&w->changed, &w->lock);
        w->error = w->failed;
        pthread_mutex_unlock(&w->lock);
    }
    return !w->error;
}

static int room_for(Writer *w, Buffer *b, size_t n) {
    if (b->room >= n) return 1;
    size_t room = n > WRITE_BYTES + PAGE ? n : WRITE_BYTES + PAGE;
    uint8_t *p = realloc(b->data, room);
    if (!p) {
        w->error = ENOMEM;
        return 0;
    }
    b->data = p;
    b->room = room;
    return 1;
}

/* Hands the whole pages of the buffer over to be written (half ones would be written twice), and goes on with the other. */
static int hand_over(Writer *w) {
    Buffer full = w->filling;
    size_t left = full.size % PAGE;
    full.size -= left;
    if (!full.size) return 1;
    if (!settle(w) || !room_for(w, &w->leaving, left)) return 0;
    if (!w->started) w->started = !pthread_create(&w->thread, NULL, write_all, w);
    w->filling = w->leaving;
    memcpy(w->filling.data, full.data + full.size, left);
    w->filling.size = left;
    pthread_mutex_lock(&w->lock);
    w->leaving = full;
    if (w->started) pthread_cond_signal(&w->changed);
    else {                      /* no thread to be had */
        w->error = write_out(w, full.data, full.size);
        w->leaving.size = 0;
    }
    pthread_mutex_unlock(&w->lock);
    return !w->error;
}

void writer_init(Writer *w, int file) {
    memset(w, 0, sizeof *w);
    w->file = file;
    pthread_mutex_init(&w->lock, NULL);
    pthread_cond_init(&w->changed, NULL);
}

int writer_flush(Writer *w) {
    if (w->error || !settle(w)) return 0;
    w->error = write_out(w, w->filling.data, w->filling.size);
    w->filling.size = 0;
    return !w->error;
}

uint8_t *writer_block(Writer *w, size_t n) {
    Buffer *b = &w->filling;
    if (w->error) return NULL;
    if (b->room - b->size < n && (!hand_over(w) || !room_for(w, b, b->size + n))) return NULL;
    uint8_t *at = b->data + b->size;
    b->size += n;
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
    if (w->started) {
        pthread_mutex_lock(&w->lock);
        w->stopping = 1;
        pthread_cond_signal(&w->changed);
        pthread_mutex_unlock(&w->lock);
        pthread_join(w->thread, NULL);
    }
    for (uint32_t i = 0; i < w->interface_count; i++) free(w->interfaces[i].block);
    free(w->interfaces);
    free(w->filling.data);
    free(w->leaving.data);
    pthread_cond_destroy(&w->changed);
    pthread_mutex_destroy(&w->lock);
}
