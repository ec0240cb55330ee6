package journal

import (
	"fmt"
	"io"
	"os"
	"time"

	"github.com/besra-ml/besra/internal/disk"
)

// The tail is the segment that is written.
type tail struct {
	file    File
	written uint64 // last position that is written
	size    int64  // where it ends
}

// write writes records, first to last, at the end of the journal. The caller leads; mu is not held.
func (j *Journal) write(first, last uint64, batch []byte) error {
	// After a refusal, positions have moved on, and what could not be cut must be declared void: that is a gap.
	gap := first != j.written+1
	full := j.size > headerSize && j.size+int64(len(batch)) > j.o.Segment
	if full || gap || j.bad.Load() {
		if err := j.roll(first); err != nil {
			return err
		}
	}
	n, err := j.file.WriteAt(batch, j.size)
	if err == nil && n < len(batch) {
		err = io.ErrShortWrite
	}
	if err == nil && j.o.Sync == Always {
		if err = j.file.Sync(); err != nil {
			j.bad.Store(true)
		}
	}
	if err != nil {
		j.cut()
		return err
	}
	j.mu.Lock()
	defer j.mu.Unlock()
	j.written = last
	j.size += int64(len(batch))
	if j.o.Sync == Always {
		j.durable, j.synced = last, j.size
	}
	return nil
}

// cut takes away what a failed write may have left. The next segment declares it void, should that not work.
func (j *Journal) cut() {
	err := j.file.Truncate(j.size)
	if err == nil && !j.bad.Load() {
		if j.file.Sync() != nil {
			j.bad.Store(true)
		}
	}
}

// sync fsyncs what is written. Nobody waits for it to write.
func (j *Journal) sync() error {
	j.syncing.Lock()
	j.mu.Lock()
	file, position, end, failed := j.file, j.written, j.size, j.failed
	clean := j.durable >= position
	j.mu.Unlock()
	if clean || failed != nil {
		j.syncing.Unlock()
		return failed
	}
	err := file.Sync()
	if err != nil {
		j.bad.Store(true)
	} else {
		j.mu.Lock()
		if j.durable < position {
			j.durable, j.synced = position, end
		}
		j.mu.Unlock()
	}
	j.syncing.Unlock()
	if err == nil {
		return nil
	}
	j.mu.Lock()
	defer j.mu.Unlock()
	j.lead()
	if j.bad.Load() { // else a writer noticed first, and has dealt with it
		j.fail(err)
	}
	j.release()
	return err
}

// roll begins a new segment for the record at first, and makes all before it durable. After a failure it is what finds
// out whether the disk works again. The caller leads; mu is not held.
func (j *Journal) roll(first uint64) error {
	j.syncing.Lock()
	defer j.syncing.Unlock()
	if !j.bad.Load() {
		if err := j.file.Sync(); err != nil {
			j.bad.Store(true)
			return err
		}
		j.mu.Lock()
		j.durable, j.synced = j.written, j.size
		j.mu.Unlock()
	}
	if j.durable < j.written {
		if err := j.carry(); err != nil {
			return err
		}
	}
	return j.begin(header{after: j.written, first: first}, nil, j.written)
}

// carry moves to a new segment what was written to the tail after its last good fsync. An fsync that failed may have
// dropped it from memory, or may claim success when repeated; as long as it can still be read, it is not lost.
func (j *Journal) carry() error {
	j.mu.Lock()
	first := max(j.durable+1, j.segments[len(j.segments)-1].first)
	j.mu.Unlock()
	records := make([]byte, j.size-j.synced)
	_, err := j.file.ReadAt(records, j.synced)
	for at, position := int64(0), first; err == nil && position <= j.written; position++ {
		end, ok := soundAt(records, at, position)
		if !ok {
			err = fmt.Errorf("record %d cannot be read back", position)
		}
		at = end
	}
	if err == nil {
		return j.begin(header{after: j.durable, first: first}, records, j.written)
	}
	j.o.Log.Error("journal: records that were written are lost", "dir", j.o.Dir,
		"first", first, "last", j.written, "error", err)
	j.mu.Lock()
	defer j.mu.Unlock()
	j.written, j.size = j.durable, j.synced
	return nil
}

// begin makes a durable segment of these records, up to last, the tail. The caller leads and holds syncing.
func (j *Journal) begin(h header, records []byte, last uint64) error {
	path := segmentPath(j.o.Dir, h.first)
	content := append(h.append(nil, segmentMagic), records...)
	if err := j.o.create(path, content); err != nil {
		return err
	}
	file, err := j.o.OpenFile(path, os.O_RDWR, 0o600)
	if err != nil {
		return err
	}
	j.mu.Lock()
	defer j.mu.Unlock()
	if n := len(j.segments); n > 0 {
		s := &j.segments[n-1]
		s.last, s.size = h.after, j.size
		if s.first == h.first { // it had nothing durable, and its file has just been replaced
			j.segments = j.segments[:n-1]
		}
		_ = j.file.Close() // it is fsynced, or no longer trusted
	}
	j.segments = append(j.segments, segment{path: path, header: h, last: last})
	j.tail = tail{file: file, written: last, size: int64(len(content))}
	j.durable, j.synced = last, j.size
	j.bad.Store(false)
	return nil
}

// create makes a durable file under another name first, so that it never is there in part.
func (o *Options) create(path string, content []byte) error {
	unfinished := path + unfinishedEnd
	file, err := o.OpenFile(unfinished, os.O_RDWR|os.O_CREATE|os.O_TRUNC, 0o600)
	if err != nil {
		return err
	}
	n, err := file.WriteAt(content, 0)
	if err == nil && n < len(content) {
		err = io.ErrShortWrite
	}
	return o.finish(file, path, err)
}

// finish makes durable what was written to path's unfinished file, and gives it its name; after an error, it removes
// the file.
func (o *Options) finish(file File, path string, err error) error {
	if err == nil {
		err = file.Sync()
	}
	if closed := file.Close(); err == nil {
		err = closed
	}
	if err == nil {
		err = os.Rename(path+unfinishedEnd, path)
	}
	if err != nil {
		_ = os.Remove(path + unfinishedEnd) // else Open does
		return err
	}
	return disk.SyncDir(o.Dir)
}

// tend fsyncs every interval, until Close.
func (j *Journal) tend() {
	defer close(j.done)
	if j.o.Sync != Interval {
		return
	}
	ticker := time.NewTicker(j.o.Interval)
	defer ticker.Stop()
	for {
		select {
		case <-j.stop:
			return
		case <-ticker.C:
		}
		j.mu.Lock()
		due := len(j.queue) > 0 || j.failed != nil && j.mayRetry()
		if due && !j.leading {
			j.leading = true
			j.revive()
			j.release()
		}
		j.mu.Unlock()
		_ = j.sync() // told to observers
	}
}
