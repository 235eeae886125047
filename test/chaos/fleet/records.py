"""Just enough of Kafka's formats to take records off a broker's disk and to write any bytes into a partition: what no client of
ours would send."""

import struct

from harness.wire import Connection

PRODUCE, VERSION = 0, 3
ALL_IN_SYNC = -1
TIMEOUT_MS = 10_000
BATCH_HEADER = struct.Struct(">qiibIhiqqqhii")  # From the base offset to the number of records.
CHECKED_FROM = 21  # Behind the checksum.
NO_PRODUCER = -1
APPEND_TIME = 8  # Of a batch's attributes: its times are the broker's, and that of all records is its newest.
CASTAGNOLI = 0x82F63B78


def crc_table():
    table = []
    for value in range(256):
        for _ in range(8):
            value = value >> 1 ^ (CASTAGNOLI if value & 1 else 0)
        table.append(value)
    return table


TABLE = crc_table()


def crc32c(data):
    crc = 0xFFFFFFFF
    for byte in data:
        crc = crc >> 8 ^ TABLE[(crc ^ byte) & 0xFF]
    return crc ^ 0xFFFFFFFF


def varint(number):
    """Zigzag, as in records."""
    number = number << 1 ^ number >> 63
    out = bytearray()
    while number > 0x7F:
        out.append(number & 0x7F | 0x80)
        number >>= 7
    return bytes(out + bytes((number,)))


def read_varint(data, at):
    value = shift = 0
    while True:
        byte = data[at]
        at += 1
        value |= (byte & 0x7F) << shift
        shift += 7
        if byte < 0x80:
            return value >> 1 ^ -(value & 1), at


def batch(value):
    """A batch of one record without a key. None: a record without a value, as compaction takes for a deletion."""
    body = b"\0" + varint(0) + varint(0) + varint(-1) + (varint(-1) if value is None else varint(len(value)) + value) + varint(0)
    record = varint(len(body)) + body
    head = bytearray(BATCH_HEADER.pack(0, BATCH_HEADER.size - 12 + len(record), -1, 2, 0, 0, 0, 0, 0, NO_PRODUCER, -1, -1, 1))
    struct.pack_into(">I", head, CHECKED_FROM - 4, crc32c(bytes(head[CHECKED_FROM:]) + record))
    return bytes(head) + record


def text(word):
    return struct.pack(">h", len(word)) + word.encode()


def write(port, topic, partition, value):
    """Writes a record through the broker on this port, which must lead the partition. Returns its offset."""
    records = batch(value)
    body = (struct.pack(">hhi", PRODUCE, VERSION, 1) + text("stranger") + struct.pack(">hhi", -1, ALL_IN_SYNC, TIMEOUT_MS)
            + struct.pack(">i", 1) + text(topic) + struct.pack(">iii", 1, partition, len(records)) + records)
    with Connection(port) as broker:
        broker.send(struct.pack(">i", len(body)) + body)
        answer = broker.take(struct.unpack(">i", broker.take(4))[0])
    # The request's number, topics, the name, partitions, the partition.
    error, offset = struct.unpack_from(">hq", answer, 4 + 4 + 2 + len(topic) + 4 + 4)
    if error:
        raise AssertionError(f"the broker refused a record of {len(records)} bytes with error {error}")
    return offset


def batches_on_disk(directory, topic, partition):
    """The batches of a partition in their order, from the segments in the broker's directory: the fields of the header, and what follows
    it."""
    for segment in sorted((directory / "data" / f"{topic}-{partition}").glob("*.log")):
        data = segment.read_bytes()
        at = 0
        while at + BATCH_HEADER.size <= len(data):
            fields = BATCH_HEADER.unpack_from(data, at)
            end = at + 12 + fields[1]
            if fields[3] != 2 or end > len(data):
                break  # Room that is not written yet.
            yield fields, data[at + BATCH_HEADER.size:end]
            at = end


def values_on_disk(directory, topic, partition):
    """The values of the partition's records in their order."""
    found = []
    for fields, body in batches_on_disk(directory, topic, partition):
        found += values_in(body, 0, fields[-1])
    return found


def times_on_disk(directory, topic, partition):
    """{offset of a record: when the broker appended it, in ms}. The topic must have the time of that (LogAppendTime)."""
    found = {}
    for (first, _, _, _, _, attributes, last, _, newest, *_), _ in batches_on_disk(directory, topic, partition):
        if not attributes & APPEND_TIME:
            raise AssertionError(f"the records of {topic}, partition {partition}, have their writers' times")
        found.update(dict.fromkeys(range(first, first + last + 1), newest))
    return found


def values_in(data, at, count):
    for _ in range(count):
        size, at = read_varint(data, at)
        end = at + size
        at += 1
        for _ in range(2):  # Its time and its offset.
            _, at = read_varint(data, at)
        key, at = read_varint(data, at)
        size, at = read_varint(data, at + max(key, 0))
        yield data[at:at + size] if size >= 0 else None
        at = end
