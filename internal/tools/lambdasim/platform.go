package lambdasim

import (
	"encoding/json"
	"fmt"
	"math"
	"time"
)

// A platform writes the lines that Lambda adds to a log stream, in either format.
type platform struct {
	json  bool
	write func(line string)
}

// record writes a line of the JSON format.
func (p platform) record(kind string, record map[string]any) {
	line, err := json.Marshal(struct {
		Time   string         `json:"time"`
		Type   string         `json:"type"`
		Record map[string]any `json:"record"`
	}{time.Now().UTC().Format("2006-01-02T15:04:05.000Z"), kind, record})
	if err == nil { // texts and numbers always can be
		p.write(string(line))
	}
}

// The version of the runtime that INIT_START tells.
const runtimeVersion = "provided:al2023.v0"

func (p platform) initStart(phase, kind string) {
	if p.json {
		p.record("platform.initStart", map[string]any{"initializationType": kind, "phase": phase, "runtimeVersion": runtimeVersion})
		return
	}
	p.write("INIT_START Runtime Version: " + runtimeVersion)
}

// initFailed tells of an INIT that came to nothing. status is error or timeout.
func (p platform) initFailed(phase, kind, status, errorType string, took time.Duration) {
	if p.json {
		p.record("platform.initReport", map[string]any{
			"initializationType": kind, "phase": phase, "status": status, "errorType": errorType,
			"metrics": map[string]any{"durationMs": hundredths(took)},
		})
		return
	}
	line := fmt.Sprintf("INIT_REPORT Init Duration: %.2f ms\tPhase: %s\tStatus: %s", milliseconds(took), phase, status)
	if errorType != "" {
		line += "\tError Type: " + errorType
	}
	p.write(line)
}

func (p platform) start(id, version string) {
	if p.json {
		p.record("platform.start", map[string]any{"requestId": id, "version": version})
		return
	}
	p.write("START RequestId: " + id + " Version: " + version)
}

// failed tells of a timeout or a crash.
func (p platform) failed(id string, e *failure) {
	if !p.json {
		if e.kind == timedOut {
			p.write(time.Now().UTC().Format("2006-01-02T15:04:05.000Z") + " " + id + " " + e.text)
			return
		}
		p.write("RequestId: " + id + " Error: " + e.text)
		p.write(e.kind)
	}
}

// A report is what Lambda says of an invocation, and charges by.
type report struct {
	id             string
	status         string // success, error or timeout
	errorType      string
	duration, init time.Duration // init: of the cold start, if there was one on demand
	memory         int           // MB
	used           int64         // bytes
	trace          string
}

// billed returns what is charged: a custom runtime's INIT too.
func (r report) billed() time.Duration {
	const ms = time.Millisecond
	return (r.duration + r.init + ms - 1) / ms * ms
}

func (p platform) end(r report) {
	used := (r.used + 1<<20 - 1) >> 20
	if p.json {
		metrics := map[string]any{
			"durationMs": hundredths(r.duration), "billedDurationMs": r.billed().Milliseconds(),
			"memorySizeMB": r.memory, "maxMemoryUsedMB": used,
		}
		if r.init > 0 {
			metrics["initDurationMs"] = hundredths(r.init)
		}
		record := map[string]any{"requestId": r.id, "metrics": metrics, "status": r.status}
		if r.errorType != "" {
			record["errorType"] = r.errorType
		}
		p.record("platform.report", record)
		return
	}
	p.write("END RequestId: " + r.id)
	line := fmt.Sprintf("REPORT RequestId: %s\tDuration: %.2f ms\tBilled Duration: %d ms\tMemory Size: %d MB\tMax Memory Used: %d MB\t",
		r.id, milliseconds(r.duration), r.billed().Milliseconds(), r.memory, used)
	if r.init > 0 {
		line += fmt.Sprintf("Init Duration: %.2f ms\t", milliseconds(r.init))
	}
	if r.status == "timeout" || r.errorType == exitError {
		line += "Status: " + r.status + "\t"
		if r.errorType == exitError {
			line += "Error Type: " + r.errorType + "\t"
		}
	}
	p.write(line)
	if r.trace != "" {
		p.write("XRAY TraceId: " + r.trace + "\tSampled: true\t")
	}
}

func milliseconds(d time.Duration) float64 { return float64(d) / float64(time.Millisecond) }
func hundredths(d time.Duration) float64   { return math.Round(milliseconds(d)*100) / 100 }
