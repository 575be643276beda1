"""nDPI 5.0 out of the nfstream wheel: the one file that knows this binding.

nfstream ships its engine as the cffi module `_lib_engine`; every `ndpi_*` function is an exported symbol of it, and its
declarations give the layouts. Both are checked here once, so that another version stops with a clear error instead of
reading wrong memory.
"""

from __future__ import annotations

import ctypes
from functools import cache
from typing import Any

from tapiary.errors import InvalidInput, Unavailable

WANTED = "5.0"
_FLOW = "struct ndpi_flow_struct"
#: What nDPI works out by default and no flow column holds: off unless the user's settings say otherwise. Measured: 15 %
#: of nDPI's time, and no label, risk or other column changes.
_UNUSED = {
    "metadata.ndpi_fingerprint": "disable", "fpc": "disable", "flow_risk.all.info": "disable",
    "tls,metadata.sha1_fingerprint": "disable",
}
_TLS_LIKE = ("TLS", "DTLS", "MAIL_SMTPS", "MAIL_IMAPS", "MAIL_POPS", "QUIC")


class Binding:
    """Symbols, layouts and names of the nDPI that is installed. Raises Unavailable when it is not the one we know."""

    def __init__(self) -> None:
        try:
            import _lib_engine
        except ImportError as error:
            raise Unavailable(f"nDPI is not installed ({error}): pip install nfstream==6.6.0, or process with --no-dpi",
                              code="ndpi_missing") from error
        self.ffi: Any = _lib_engine.ffi
        self.lib: Any = _lib_engine.lib
        self._symbols = ctypes.CDLL(_lib_engine.__file__)
        self.version: str = self.ffi.string(self.lib.engine_lib_ndpi_version()).decode()
        if not self.version.startswith(WANTED):
            raise _mismatch(f"version {self.version}, expected {WANTED}")
        self.layout = self._layout()

    def _symbol(self, name: str) -> int:
        try:
            address = ctypes.cast(getattr(self._symbols, name), ctypes.c_void_p).value
        except AttributeError:
            address = None
        if not address:
            raise _mismatch(f"no function {name}")
        return address

    def _field(self, *path: str) -> tuple[int, int]:
        """Offset and size of a member of nDPI's flow, in bytes."""
        kind = self.ffi.typeof(_FLOW)
        try:
            for name in path:
                kind = dict(kind.fields)[name].type
        except KeyError:
            raise _mismatch(f"no member {'.'.join(path)}") from None
        return self.ffi.offsetof(_FLOW, *path), self.ffi.sizeof(kind)

    def _layout(self) -> dict[str, Any]:
        from ._native import max_result_size

        ffi, lib = self.ffi, self.lib
        size = ffi.sizeof("ndpi_protocol")
        if not 16 < size <= max_result_size():
            raise _mismatch(f"ndpi_protocol of {size} bytes is not returned through memory")
        if size != ctypes.sizeof(_Protocol):
            raise _mismatch(f"ndpi_protocol of {size} bytes, expected {ctypes.sizeof(_Protocol)}")
        flow_size = ffi.sizeof(_FLOW)
        real = self._symbols.ndpi_detection_get_sizeof_ndpi_flow_struct
        real.restype = ctypes.c_uint32
        if real() != flow_size:
            raise _mismatch(f"a flow of {real()} bytes, declared as {flow_size}")
        server_name, server_name_size = self._field("host_server_name")
        ja4, ja4_size = self._field("protos", "tls_quic", "ja4_client")
        ja3s, ja3s_size = self._field("protos", "tls_quic", "ja3_server")
        hassh_client, hassh_size = self._field("protos", "ssh", "hassh_client")
        dhcp, dhcp_size = self._field("protos", "dhcp", "fingerprint")
        widths = {
            ("state",): 4, ("confidence",): 4, ("risk",): 8, ("http", "user_agent"): 8, ("http", "content_type"): 8,
        }
        for path, width in widths.items():
            if self._field(*path)[1] != width:
                raise _mismatch(f"{'.'.join(path)} of {self._field(*path)[1]} bytes, expected {width}")
        return {
            "process": self._symbol("ndpi_detection_process_packet"), "giveup": self._symbol("ndpi_detection_giveup"),
            "free_data": self._symbol("ndpi_free_flow_data"),
            "app": ffi.offsetof("ndpi_protocol", "proto", "app_protocol"),
            "master": ffi.offsetof("ndpi_protocol", "proto", "master_protocol"),
            "category": ffi.offsetof("ndpi_protocol", "category"),
            "flow_size": flow_size, "state": self._field("state")[0], "confidence": self._field("confidence")[0],
            "risk": self._field("risk")[0], "server_name": server_name, "server_name_size": server_name_size,
            "user_agent": self._field("http", "user_agent")[0], "content_type": self._field("http", "content_type")[0],
            "ja4": ja4, "ja4_size": ja4_size, "ja3s": ja3s, "ja3s_size": ja3s_size, "hassh_client": hassh_client,
            "hassh_server": self._field("protos", "ssh", "hassh_server")[0], "hassh_size": hassh_size,
            "dhcp": dhcp, "dhcp_size": dhcp_size, "classified": lib.NDPI_STATE_CLASSIFIED,
            "dhcp_id": lib.NDPI_PROTOCOL_DHCP, "http_id": lib.NDPI_PROTOCOL_HTTP, "ssh_id": lib.NDPI_PROTOCOL_SSH,
            "tls_ids": [getattr(lib, f"NDPI_PROTOCOL_{name}") for name in _TLS_LIKE],
        }


def _mismatch(what: str) -> Unavailable:
    message = f"this nDPI is not the one that Tapiary knows: {what}; pip install nfstream==6.6.0"
    return Unavailable(message, code="ndpi_mismatch")


@cache
def binding() -> Binding:
    """The binding, made at first use."""
    return Binding()


class Dissector:
    """One nDPI detection module; a thread needs one of its own. Settings are nDPI's own names and values."""

    def __init__(self, settings: dict[str, str]) -> None:
        self._binding = binding()
        ffi, lib = self._binding.ffi, self._binding.lib
        checker = ffi.new("struct dissector_checker *")
        checker.flow_size = self._binding.layout["flow_size"]
        self.module = lib.dissector_init(checker)
        if self.module == ffi.NULL:
            raise _mismatch("it refused to start")
        try:
            self._configure({**_UNUSED, **settings})
        except BaseException:
            self.close()
            raise
        lib.dissector_configure(self.module)

    def _configure(self, settings: dict[str, str]) -> None:
        """Names are 'param' or 'protocol,param'; raises InvalidInput for what nDPI does not know."""
        call = self._binding._symbols.ndpi_set_config
        call.argtypes = [ctypes.c_void_p, ctypes.c_char_p, ctypes.c_char_p, ctypes.c_char_p]
        for name, value in settings.items():
            protocol, _, parameter = name.rpartition(",")
            code = call(self.address, protocol.encode() or None, parameter.encode(), str(value).encode())
            if code != 0:
                raise InvalidInput(f"nDPI does not take {name} = {value!r} (code {code})", field=f"meter.ndpi.{name}")

    @property
    def address(self) -> int:
        """Where the module lies in memory."""
        return int(self._binding.ffi.cast("uintptr_t", self.module))

    def close(self) -> None:
        """Frees the module; no flow of it may be in use."""
        if self.module is not None:
            self._binding.lib.dissector_cleanup(self.module)
            self.module = None


class _Protocol(ctypes.Structure):
    """ndpi_protocol as it is passed by value: 56 bytes in nDPI 5.0."""

    _fields_ = (("words", ctypes.c_uint16 * 28),)


class Names:
    """Names of nDPI's protocols, categories, confidences and risks, by number."""

    def __init__(self, dissector: Dissector) -> None:
        self._dissector = dissector
        self._symbols = binding()._symbols
        self._found: dict[tuple[str, int], str] = {}

    def _text(self, function: str, arguments: list[Any], types: list[Any]) -> str:
        call = getattr(self._symbols, function)
        call.restype, call.argtypes = ctypes.c_char_p, types
        found = call(*arguments)
        return found.decode("utf-8", "replace") if found else ""

    def label(self, pair: int) -> str:
        """The label of master << 16 | application, such as TLS.Google."""
        known = self._found.get(("label", pair))
        if known is None:
            text = ctypes.create_string_buffer(64)
            # ndpi_master_app_protocol, four bytes by value: master first
            packed = (pair >> 16) | (pair & 0xFFFF) << 16
            known = self._text("ndpi_protocol2name", [self._dissector.address, packed, text, 64],
                               [ctypes.c_void_p, ctypes.c_uint32, ctypes.c_char_p, ctypes.c_uint])
            self._found["label", pair] = known
        return known

    def protocol(self, number: int) -> str:
        """The name of one protocol, such as Google."""
        return self.label(number)

    def category(self, number: int) -> str:
        """The name of a category, such as Web."""
        return self._cached("category", number, "ndpi_category_get_name")

    def _cached(self, kind: str, number: int, function: str) -> str:
        known = self._found.get((kind, number))
        if known is None:
            known = self._text(function, [self._dissector.address, number], [ctypes.c_void_p, ctypes.c_uint])
            self._found[kind, number] = known
        return known

    def confidence(self, number: int) -> str:
        """How a protocol was found, such as DPI."""
        return self._text("ndpi_confidence_get_name", [number], [ctypes.c_uint])

    def protocol_categories(self) -> dict[str, str]:
        """Every protocol's name with its category's."""
        count = self._symbols.ndpi_get_num_protocols
        count.restype, count.argtypes = ctypes.c_uint, [ctypes.c_void_p]
        of = self._symbols.ndpi_get_proto_category
        of.restype, of.argtypes = ctypes.c_uint, [ctypes.c_void_p, _Protocol]
        application = binding().layout["app"] // 2
        found = {}
        for number in range(count(self._dissector.address)):
            protocol = _Protocol()
            protocol.words[application] = number
            name = self.protocol(number)
            if name:
                found[name] = self.category(of(self._dissector.address, protocol))
        return found


@cache
def risk_list() -> dict[int, str]:
    """nDPI's risks: the bit's number and the text, such as 'Known Proto on Non Std Port'."""
    call = binding()._symbols.ndpi_risk2str
    call.restype, call.argtypes = ctypes.c_char_p, [ctypes.c_uint]
    found = {}
    for bit in range(1, 64):
        text = call(bit)
        if not text or text.isdigit():
            break
        found[bit] = text.decode()
    return found
