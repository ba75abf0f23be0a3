package journal

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io/fs"
	"os"
)

// SQLite takes the first frame of its write-ahead log that is not sound for the
// log's end, and drops what comes after it without a word. That is right after
// a power failure, which can only cut the last transaction short, one that
// nobody was told of. It is wrong where the log was damaged, cut or removed:
// then changes are gone that callers were told are written. So the log is
// looked through before SQLite opens it. The formats: sqlite.org/fileformat2.html#walformat
// and sqlite.org/walformat.html#the_wal_index_file_format.
const (
	walMagic       = 0x377f0682 // the lowest bit says in which order checksums take bytes
	walHeader      = 32
	walFrameHeader = 24
	indexHeader    = 48 // of the log's index, twice; what was moved into the tables follows
)

// lostLog makes an error of what was found.
func lostLog(path, what string) error {
	return fmt.Errorf("%w: %s-wal %s: changes would be lost without a word", ErrDamaged, path, what)
}

// checkLog finds out whether the log beside the journal has lost changes that
// were acknowledged. A log that is gone together with its index leaves no trace.
func checkLog(path string) error {
	log, err := os.ReadFile(path + "-wal") //nolint:gosec // the operator names the journal
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	index, err := os.ReadFile(path + "-shm") //nolint:gosec // as above
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	w := readWAL(log)
	frames, moved, salt, ok := readWALIndex(index)
	if whole := ok && salt == w.salt && frames == w.committed; w.lost && !whole { // no more was ever committed: what follows did not reach the disk
		return lostLog(path, "is damaged in the middle")
	}
	if ok && (salt == w.salt && frames > w.committed || len(log) == 0 && frames > moved) {
		return lostLog(path, "is cut or missing")
	}
	return nil
}

// wal is what a log holds.
type wal struct {
	salt      [8]byte
	committed uint32 // frames, up to the last sound transaction's end
	lost      bool   // others were committed after something that is not sound
}

func readWAL(log []byte) (w wal) {
	if len(log) < walHeader+walFrameHeader {
		return w // no frame was ever whole
	}
	big := binary.BigEndian
	copy(w.salt[:], log[16:24])
	size := int(big.Uint32(log[8:]))
	order := binary.ByteOrder(binary.LittleEndian)
	if big.Uint32(log)&1 == 1 {
		order = big
	}
	var sum checksum
	sum.add(order, log[:24])
	if big.Uint32(log)&^1 != walMagic || size < 512 || size > 65536 || size&(size-1) != 0 || !sum.is(log[24:32]) {
		return wal{lost: true}
	}
	sound, commits, last := true, 0, false // commits of this log after the end, and whether the last frame is one
	for n, at := uint32(1), walHeader; at+walFrameHeader+size <= len(log); n, at = n+1, at+walFrameHeader+size {
		frame := log[at : at+walFrameHeader+size]
		ours := [8]byte(frame[8:16]) == w.salt
		commit := big.Uint32(frame[4:]) != 0
		if sound {
			sum.add(order, frame[:8])
			sum.add(order, frame[walFrameHeader:])
			if sound = ours && sum.is(frame[16:24]); sound && commit {
				w.committed = n
			}
		}
		if !sound && ours {
			last = commit
			if commit {
				commits++
			}
		}
	}
	// A power failure spares at most the end of the transaction that it cuts short.
	w.lost = commits > 1 || commits == 1 && !last
	return w
}

// readWALIndex returns how many frames the log held when its index was written
// last, and how many of them were in the tables. ok: the index is whole.
func readWALIndex(index []byte) (frames, moved uint32, salt [8]byte, ok bool) {
	if len(index) < 2*indexHeader+4 || [indexHeader]byte(index) != [indexHeader]byte(index[indexHeader:]) || index[12] == 0 {
		return 0, 0, salt, false
	}
	var sum checksum
	sum.add(binary.NativeEndian, index[:40])
	if sum != (checksum{binary.NativeEndian.Uint32(index[40:]), binary.NativeEndian.Uint32(index[44:])}) {
		return 0, 0, salt, false
	}
	return binary.NativeEndian.Uint32(index[16:]), binary.NativeEndian.Uint32(index[2*indexHeader:]), [8]byte(index[32:40]), true
}

// checksum is SQLite's own.
type checksum [2]uint32

func (c *checksum) add(order binary.ByteOrder, b []byte) {
	for ; len(b) >= 8; b = b[8:] {
		c[0] += order.Uint32(b) + c[1]
		c[1] += order.Uint32(b[4:]) + c[0]
	}
}

// is compares with one that is written in a log.
func (c *checksum) is(b []byte) bool {
	return c[0] == binary.BigEndian.Uint32(b) && c[1] == binary.BigEndian.Uint32(b[4:])
}
