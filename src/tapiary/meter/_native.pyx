# cython: language_level=3, boundscheck=False, wraparound=False
"""The compiled core's door: whole blocks of a capture go in, whole batches of columns come out."""
import os

from cpython.buffer cimport PyBuffer_FillInfo
from libc.errno cimport errno
from libc.stddef cimport size_t
from libc.stdint cimport int32_t, int64_t, uint8_t, uint16_t, uint32_t, uint64_t, uintptr_t
from libc.string cimport memcpy, memset

cdef extern from "names.h":
    enum: A_COUNT
    enum: NF_COUNT
    enum: K_COUNT
    enum: T_COUNT

cdef extern from *:
    """
    #include "names.h"
    #define NAME_OF(name) #name,
    #define NAME_OF_TUNNEL(name, text, bit) text,
    #define BIT_OF_TUNNEL(name, text, bit) bit,
    static const char *anomaly_names[] = {ANOMALIES(NAME_OF)};
    static const char *not_flow_names[] = {NOT_FLOWS(NAME_OF)};
    static const char *kind_names[] = {NON_IP_KINDS(NAME_OF)};
    static const char *tunnel_names[] = {"", TUNNELS(NAME_OF_TUNNEL)};
    static const int tunnel_bits[] = {0, TUNNELS(BIT_OF_TUNNEL)};
    #include "label.h"
    static const char *string_names[] = {LABEL_STRINGS(NAME_OF)};
    """
    const char *anomaly_names[]
    const char *not_flow_names[]
    const char *kind_names[]
    const char *tunnel_names[]
    const int tunnel_bits[]
    const char *string_names[]

cdef extern from "label.h":
    enum: S_COUNT
    ctypedef struct NdpiResult:
        uint8_t bytes[256]
    ctypedef struct Ndpi:
        NdpiResult (*process)(void *, void *, const uint8_t *, unsigned short, uint64_t, void *) noexcept nogil
        NdpiResult (*giveup)(void *, void *) noexcept nogil
        void (*free_data)(void *) noexcept nogil
        uint32_t app, master, category
        uint32_t flow_size, state, confidence, risk, server_name, server_name_size, user_agent, content_type
        uint32_t ja4, ja4_size, ja3s, ja3s_size, hassh_client, hassh_server, hassh_size, dhcp, dhcp_size
        uint32_t classified
        uint16_t dhcp_id, http_id, ssh_id
        uint16_t tls_ids[8]

cdef extern from "rows.h":
    enum: GROUP_FLAGS
    enum: GROUP_SIZES
    enum: GROUP_TIMES
    enum: GROUP_SEQUENCE
    ctypedef struct StringColumn:
        int32_t *offsets
        uint8_t *valid
        char *data
        size_t size
    ctypedef struct CBatch "Batch":
        uint8_t *client_ip
        uint8_t *server_ip
        StringColumn strings[8]
        int32_t *sequence_offsets
        int32_t *packet_sizes
        int32_t *packet_times
        size_t sequence_size
        uint32_t rows
    ctypedef struct IndexRows:
        int64_t *flow_id
        int64_t *first_frame
        int32_t *frame_count
        int32_t *offsets
        uint8_t *data
        uint32_t rows
        size_t size
    ctypedef struct ColumnInfo:
        const char *name
        char kind
        size_t member
        uint32_t group
    const ColumnInfo COLUMN_INFO[]
    void batch_free(CBatch *)
    void index_rows_free(IndexRows *)

cdef extern from "table.h":
    ctypedef struct TableSettings:
        int64_t idle_us
        int64_t active_us
        uint32_t dissections
        uint32_t groups
        uint32_t sequence_packets
        int tcp_close
        int index

cdef extern from "engine.h":
    enum: MAX_SHARDS
    enum: ENGINE_OK
    enum: ENGINE_NO_CAPTURE
    enum: ENGINE_NO_MEMORY
    enum: ENGINE_STOPPED
    enum: ENGINE_READ_ERROR
    enum: TAKE_SOME
    enum: TAKE_OVER
    ctypedef struct EngineSettings:
        TableSettings table
        uint32_t tunnel_mask
        uint32_t shards
        uint64_t seed[5]
        Ndpi ndpi
        void *dissectors[64]
    ctypedef struct Output:
        CBatch *batch
        IndexRows *rows
    ctypedef struct EngineCounts:
        uint64_t frames, bytes, flows, dissections
        int64_t first_time, last_time
        int format
        uint64_t anomalies[64]
        uint64_t not_flows[64]
        uint64_t non_ip[64]
    ctypedef struct CEngine "Engine":
        pass
    CEngine *engine_new(const EngineSettings *) nogil
    uint8_t *engine_reserve(CEngine *, size_t *) nogil
    int engine_feed(CEngine *, size_t, int) nogil
    int engine_read(CEngine *, int) nogil
    int engine_take(CEngine *, int, Output *) nogil
    void engine_stop(CEngine *) nogil
    void engine_counts(CEngine *, EngineCounts *) nogil
    uint32_t engine_link_types(CEngine *, uint32_t *, uint64_t *, uint32_t) nogil
    int engine_failed(CEngine *) nogil
    void engine_free(CEngine *) nogil

cdef extern from "cut.h":
    int64_t cut_stretch(const uint8_t *, size_t, const uint32_t *, size_t, int, int *, uint8_t *, size_t *) nogil

cdef extern from "merge.h":
    enum: MERGE_MORE
    enum: MERGE_HUNGRY
    enum: MERGE_DONE
    enum: MERGE_NO_CAPTURE
    enum: MERGE_READ_ERROR
    enum: MERGE_WRITE_ERROR
    ctypedef struct MergeOrder:
        const char *path
        const char *name
        const char *comment
        size_t name_size, comment_size
        int continues
    ctypedef struct CMerge "Merge":
        pass
    CMerge *merge_new(int, uint32_t, size_t, uint32_t) nogil
    int merge_add(CMerge *, const MergeOrder *) nogil
    int merge_step(CMerge *, uint64_t) nogil
    uint32_t merge_at(CMerge *) nogil
    uint8_t *merge_room(CMerge *, uint32_t, size_t *) nogil
    void merge_fed(CMerge *, uint32_t, size_t) nogil
    uint64_t merge_packets(CMerge *) nogil
    uint64_t merge_written(CMerge *) nogil
    uint64_t merge_read(CMerge *) nogil
    int merge_tear(CMerge *, uint32_t, uint64_t *) nogil
    void merge_free(CMerge *) nogil

TUNNEL_NAMES = tuple(tunnel_names[i].decode() for i in range(T_COUNT))
TUNNEL_BITS = {tunnel_names[i].decode(): tunnel_bits[i] for i in range(1, T_COUNT)}
GROUPS = {"flags": GROUP_FLAGS, "sizes": GROUP_SIZES, "times": GROUP_TIMES, "sequence": GROUP_SEQUENCE}
FORMATS = ("", "pcap", "pcapng")


class NoCapture(Exception):
    """The bytes are no pcap and no pcapng."""


class Unreadable(Exception):
    """A source of a merge cannot be read: its number, errno."""


class Stopped(Exception):
    """The engine was stopped while it was fed."""


cdef check(int result):
    if result == ENGINE_NO_CAPTURE:
        raise NoCapture
    if result == ENGINE_STOPPED:
        raise Stopped
    if result == ENGINE_READ_ERROR:
        raise OSError(errno, os.strerror(errno))
    if result != ENGINE_OK:
        raise MemoryError("the meter ran out of memory")


cdef class Batch:
    """Columns of finished flows; owns their memory."""
    cdef CBatch *batch

    def __dealloc__(self):
        batch_free(self.batch)

    @property
    def rows(self):
        return self.batch.rows

    def columns(self):
        """name → (kind, address), kinds as in rows.h: h i q I d b."""
        found = {}
        cdef const ColumnInfo *c = COLUMN_INFO
        cdef uintptr_t p
        while c.name != NULL:
            memcpy(&p, <char *>self.batch + c.member, sizeof(p))
            if p:
                found[c.name.decode()] = (chr(c.kind), p)
            c += 1
        return found

    def addresses(self):
        """Memory addresses of client_ip and server_ip, 16 bytes a row."""
        return <uintptr_t>self.batch.client_ip, <uintptr_t>self.batch.server_ip

    def strings(self):
        """name → (validity bitmap, offsets, data, bytes of data)."""
        cdef StringColumn *s
        found = {}
        for i in range(S_COUNT):
            s = &self.batch.strings[i]
            found[string_names[i].decode()] = (<uintptr_t>s.valid, <uintptr_t>s.offsets, <uintptr_t>s.data, s.size)
        return found

    def sequence(self):
        """(offsets, packet_sizes, packet_times, number of values), or None without that group."""
        if self.batch.sequence_offsets == NULL:
            return None
        return (<uintptr_t>self.batch.sequence_offsets, <uintptr_t>self.batch.packet_sizes,
                <uintptr_t>self.batch.packet_times, self.batch.sequence_size)


cdef class Index:
    """Rows of the packet index; owns their memory."""
    cdef IndexRows *index

    def __dealloc__(self):
        index_rows_free(self.index)

    @property
    def rows(self):
        return self.index.rows

    def columns(self):
        """Addresses of flow_id, first_frame, frame_count, offsets and data, and the bytes of data."""
        return (<uintptr_t>self.index.flow_id, <uintptr_t>self.index.first_frame, <uintptr_t>self.index.frame_count,
                <uintptr_t>self.index.offsets, <uintptr_t>self.index.data, self.index.size)


cdef class Room:
    """Writable memory of the engine that the next bytes of a capture go to; valid until they are fed."""
    cdef uint8_t *at
    cdef size_t size

    def __getbuffer__(self, Py_buffer *view, int flags):
        PyBuffer_FillInfo(view, self, self.at, self.size, 0, flags)


cdef class Engine:
    """One run of the meter.

    `ndpi` is a mapping of the members of `Ndpi` in label.h to integers, or None for no labels; `dissectors` are the
    addresses of one nDPI module a shard. Raises MemoryError; after an error only `close` may be called.
    """
    cdef CEngine *engine
    cdef object keep

    def __cinit__(self, *, int64_t idle_us, int64_t active_us, uint32_t dissections, uint32_t groups, uint32_t sequence_packets,
                  bint tcp_close, bint index, uint32_t tunnel_mask, uint32_t shards, bytes seed, dict ndpi, list dissectors, object keep):
        cdef EngineSettings s
        memset(&s, 0, sizeof(s))
        if not 1 <= shards <= MAX_SHARDS or len(seed) != sizeof(s.seed):
            raise ValueError("shards or seed")
        if dissections and len(dissectors) != shards:
            raise ValueError("one dissector a shard is needed")
        s.table = TableSettings(idle_us, active_us, dissections, groups, sequence_packets, tcp_close, index)
        s.tunnel_mask = tunnel_mask
        s.shards = shards
        memcpy(s.seed, <const char *>seed, sizeof(s.seed))
        if ndpi is not None:
            fill_ndpi(&s.ndpi, ndpi)
        for i, d in enumerate(dissectors):
            s.dissectors[i] = <void *><uintptr_t>d
        self.keep = keep
        with nogil:
            self.engine = engine_new(&s)
        if self.engine == NULL:
            raise MemoryError("the meter could not start its threads or tables")

    def __dealloc__(self):
        if self.engine != NULL:
            engine_free(self.engine)

    def close(self):
        """Stops the threads and frees everything that was not taken."""
        cdef CEngine *e = self.engine
        self.engine = NULL
        if e != NULL:
            with nogil:
                engine_free(e)
        self.keep = None

    cdef CEngine *alive(self) except NULL:
        if self.engine == NULL:
            raise ValueError("the engine is closed")
        return self.engine

    def read(self, int descriptor):
        """Feeds all that a file descriptor gives. Raises NoCapture, Stopped, OSError, MemoryError."""
        cdef CEngine *e = self.alive()
        cdef int result
        with nogil:
            result = engine_read(e, descriptor)
        check(result)

    def reserve(self):
        """Memory to read the next bytes into; waits while the workers or the taker are behind. Raises Stopped, MemoryError."""
        cdef CEngine *e = self.alive()
        cdef Room room = Room()
        with nogil:
            room.at = engine_reserve(e, &room.size)
        if room.at == NULL:
            raise Stopped if not engine_failed(e) else MemoryError("no memory for a block")
        return memoryview(room)

    def feed(self, size_t size, bint last):
        """Tells that `size` bytes stand in the memory of the latest `reserve`. Raises NoCapture, Stopped, MemoryError."""
        cdef CEngine *e = self.alive()
        cdef int result
        cdef int end = last
        with nogil:
            result = engine_feed(e, size, end)
        check(result)

    def stop(self):
        """Ends everything early: whoever feeds gets Stopped, whoever takes is told that it is over."""
        engine_stop(self.alive())

    def take(self, int ms):
        """(Batch or None, Index or None) of finished rows, waiting at most `ms` for them; (None, None) when there are
        none yet, None when all is over. Raises MemoryError.
        """
        cdef CEngine *e = self.alive()
        cdef Output out
        cdef int some
        cdef Batch batch = None
        cdef Index index = None
        with nogil:
            some = engine_take(e, ms, &out)
        if engine_failed(e):
            if some == TAKE_SOME:
                batch_free(out.batch)
                index_rows_free(out.rows)
            raise MemoryError("the meter ran out of memory")
        if some != TAKE_SOME:
            return None if some == TAKE_OVER else (None, None)
        if out.batch != NULL:
            batch = Batch()
            batch.batch = out.batch
        if out.rows != NULL:
            index = Index()
            index.index = out.rows
        return batch, index

    def counts(self):
        """Counters so far, as a dict."""
        cdef CEngine *e = self.alive()
        cdef EngineCounts c
        cdef uint32_t types[65]
        cdef uint64_t packets[65]
        engine_counts(e, &c)
        n = engine_link_types(e, types, packets, 65)
        return {
            "packets": c.frames, "bytes": c.bytes, "flows": c.flows, "dissections": c.dissections,
            "first_time": c.first_time, "last_time": c.last_time, "format": FORMATS[c.format],
            "anomalies": {anomaly_names[i].decode(): c.anomalies[i] for i in range(A_COUNT) if c.anomalies[i]},
            "not_flows": {not_flow_names[i].decode(): c.not_flows[i] for i in range(NF_COUNT) if c.not_flows[i]},
            "non_ip": {kind_names[i].decode(): c.non_ip[i] for i in range(K_COUNT) if c.non_ip[i]},
            "link_types": {types[i]: packets[i] for i in range(n)},
        }


cdef fill_ndpi(Ndpi *n, dict v):
    n.process = <NdpiResult (*)(void *, void *, const uint8_t *, unsigned short, uint64_t, void *) noexcept nogil><uintptr_t>v["process"]
    n.giveup = <NdpiResult (*)(void *, void *) noexcept nogil><uintptr_t>v["giveup"]
    n.free_data = <void (*)(void *) noexcept nogil><uintptr_t>v["free_data"]
    n.app, n.master, n.category = v["app"], v["master"], v["category"]
    n.flow_size, n.state, n.confidence, n.risk = v["flow_size"], v["state"], v["confidence"], v["risk"]
    n.server_name, n.server_name_size = v["server_name"], v["server_name_size"]
    n.user_agent, n.content_type = v["user_agent"], v["content_type"]
    n.ja4, n.ja4_size, n.ja3s, n.ja3s_size = v["ja4"], v["ja4_size"], v["ja3s"], v["ja3s_size"]
    n.hassh_client, n.hassh_server, n.hassh_size = v["hassh_client"], v["hassh_server"], v["hassh_size"]
    n.dhcp, n.dhcp_size, n.classified = v["dhcp"], v["dhcp_size"], v["classified"]
    n.dhcp_id, n.http_id, n.ssh_id = v["dhcp_id"], v["http_id"], v["ssh_id"]
    for i, id in enumerate(v["tls_ids"]):
        n.tls_ids[i] = id


def max_result_size():
    """Bytes of the stand-in for ndpi_protocol: what nDPI returns must fit."""
    return sizeof(NdpiResult)


def cut_frames(const uint8_t[::1] stretch, const uint32_t[::1] wanted, bint pcapng, bint big):
    """(bytes of the wanted records, bytes of the stretch up to the last of them, byte order there), None when the stretch ends before the last of them.

    `wanted` are frame numbers from 0 within the stretch, ascending. See cut.h.
    """
    cdef bytearray out = bytearray(stretch.shape[0])
    cdef uint8_t *at = out
    cdef int order = big
    cdef int64_t n
    cdef size_t used = 0
    if wanted.shape[0] == 0 or stretch.shape[0] == 0:
        return (b"", 0, big) if wanted.shape[0] == 0 else None
    with nogil:
        n = cut_stretch(&stretch[0], stretch.shape[0], &wanted[0], wanted.shape[0], pcapng, &order, at, &used)
    if n < 0:
        return None
    return bytes(out[:n]), used, bool(order)


cdef class Merger:
    """Merges captures by time into an open file, a slice at a time. After an error it may only be dropped.

    `sources` are (path, or None for one that is fed; interface; comment; whether it continues the source before it).
    Raises MemoryError.
    """
    cdef CMerge *merge
    cdef readonly uint32_t count
    cdef readonly object hungry

    def __cinit__(self, int descriptor, list sources, *, size_t buffer, uint32_t files):
        cdef MergeOrder order
        cdef bytes path, name, comment
        self.count = len(sources)
        self.merge = merge_new(descriptor, self.count, buffer, files)
        if self.merge == NULL:
            raise MemoryError("no memory for a merge")
        for given, name, comment, continues in sources:
            path = given or b""
            order = MergeOrder(NULL, name, comment, len(name), len(comment), continues)
            if given is not None:
                order.path = path
            if not merge_add(self.merge, &order):
                raise MemoryError("no memory for a merge")

    def __dealloc__(self):
        merge_free(self.merge)

    def step(self, uint64_t bytes):
        """Writes about so many bytes; True when all is merged. Where `hungry` names a source, feed it before the next step.

        Raises NoCapture(source), Unreadable(source, errno), OSError of the output, MemoryError.
        """
        cdef int status
        with nogil:
            status = merge_step(self.merge, bytes)
        self.hungry = merge_at(self.merge) if status == MERGE_HUNGRY else None
        if status in (MERGE_MORE, MERGE_HUNGRY, MERGE_DONE):
            return status == MERGE_DONE
        if status == MERGE_NO_CAPTURE:
            raise NoCapture(merge_at(self.merge))
        if status == MERGE_READ_ERROR:
            raise Unreadable(merge_at(self.merge), errno)
        if status == MERGE_WRITE_ERROR:
            raise OSError(errno, os.strerror(errno))
        raise MemoryError("no memory for a merge")

    def room(self, uint32_t source):
        """Memory that the source's next bytes go to; valid until they are fed."""
        cdef Room room = Room()
        if source >= self.count:
            raise IndexError(source)
        room.at = merge_room(self.merge, source, &room.size)
        if room.at == NULL:
            raise MemoryError("no memory for a merge")
        return memoryview(room)

    def fed(self, uint32_t source, size_t size):
        """Tells that `size` bytes stand in the memory of the latest `room`; 0 is the source's end."""
        if source >= self.count:
            raise IndexError(source)
        merge_fed(self.merge, source, size)

    def counts(self):
        """(packets written, bytes written, bytes read of the sources that have a path)."""
        return merge_packets(self.merge), merge_written(self.merge), merge_read(self.merge)

    def torn(self):
        """{source: (why, offset)} of those that ended inside a record or at a damaged one: cut, record, block, interfaces."""
        cdef uint64_t offset
        found = {}
        for i in range(self.count):
            tear = merge_tear(self.merge, i, &offset)
            if tear:
                found[i] = (("", "cut", "record", "block", "interfaces")[tear], offset)
        return found
