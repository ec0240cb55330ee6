package lambda

import (
	"bytes"
	"encoding/base64"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/besra-ml/besra/internal/problem"
	"github.com/besra-ml/besra/internal/strictjson"
)

// An answer is what a handler writes.
type answer struct {
	header http.Header
	status int // 0: not yet
	body   bytes.Buffer
}

func (a *answer) Header() http.Header { return a.header }

func (a *answer) WriteHeader(status int) {
	if a.status == 0 && status >= http.StatusOK {
		a.status = status
	}
}

func (a *answer) Write(b []byte) (int, error) {
	a.WriteHeader(http.StatusOK)
	return a.body.Write(b)
}

func (a *answer) reset() {
	a.header, a.status = http.Header{}, 0
	a.body.Reset()
}

// maxAnswer is the most that Lambda takes of an answer, in bytes: 6 MB and a little, as its quotas have it.
const maxAnswer = 6<<20 + 100

// most is how large an answer may be, in bytes: a load balancer takes less of it than Lambda does,
// https://docs.aws.amazon.com/elasticloadbalancing/latest/application/lambda-functions.html.
func (k Kind) most() int {
	if k == ALB {
		return 1 << 20
	}
	return maxAnswer
}

// tooLarge replaces an answer that would be lost.
func (a *answer) tooLarge(size, most int) {
	id := a.header["X-Request-Id"]
	a.reset()
	if id != nil {
		a.header["X-Request-Id"] = id
	}
	p := problem.TooLarge.Of("", "the answer would be "+strconv.Itoa(size)+" bytes, and the platform takes "+
		strconv.Itoa(most)+"; ask for fewer events at once. What was asked is done: with the same event_id the answer is the same")
	p.Write(a)
}

// append appends the answer as the platform wants it.
func (a *answer) append(b []byte, e *event, kind Kind) []byte {
	if kind == Direct {
		return append(b, a.body.Bytes()...)
	}
	b = append(b, `{"statusCode":`...)
	b = strconv.AppendInt(b, int64(a.status), 10)
	if kind == ALB {
		b = append(b, `,"statusDescription":`...)
		b = strictjson.AppendString(b, strconv.Itoa(a.status)+" "+http.StatusText(a.status))
	}
	b = a.appendHeaders(b, kind == RESTAPI || kind == ALB && e.many)
	body := a.body.Bytes()
	if e.method == http.MethodHead { // as net/http has it
		body = nil
	}
	if !utf8.Valid(body) || a.header.Get("Content-Encoding") != "" {
		b = append(b, `,"isBase64Encoded":true,"body":"`...)
		b = base64.StdEncoding.AppendEncode(b, body)
		return append(b, `"}`...)
	}
	b = append(b, `,"isBase64Encoded":false,"body":`...)
	b = strictjson.AppendString(b, body)
	return append(b, '}')
}

// appendHeaders appends headers with a value each, those that have several with commas between them, or with lists.
func (a *answer) appendHeaders(b []byte, many bool) []byte {
	names := make([]string, 0, len(a.header))
	for name := range a.header {
		names = append(names, name)
	}
	slices.Sort(names)
	if many {
		b = append(b, `,"multiValueHeaders":{`...)
	} else {
		b = append(b, `,"headers":{`...)
	}
	for i, name := range names {
		if i > 0 {
			b = append(b, ',')
		}
		b = strictjson.AppendString(b, name)
		b = append(b, ':')
		if !many {
			b = strictjson.AppendString(b, strings.Join(a.header[name], ", "))
			continue
		}
		b = append(b, '[')
		for j, v := range a.header[name] {
			if j > 0 {
				b = append(b, ',')
			}
			b = strictjson.AppendString(b, v)
		}
		b = append(b, ']')
	}
	return append(b, '}')
}
