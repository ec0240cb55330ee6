package s3

import (
	"cmp"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/http"
	"strings"

	"github.com/besra-ml/besra/internal/mirror"
)

// A Refusal is an answer of S3 that is an error.
type Refusal struct {
	Status  int
	Code    string // S3's word for it, such as AccessDenied
	Message string // S3's words; "" where they name who asks
	ID      string // of the request, for AWS's support
	Hint    string // what to do
}

func (r *Refusal) Error() string {
	text := r.Code
	if r.Message != "" {
		text += ": " + r.Message
	}
	if r.Hint != "" {
		text += "; " + r.Hint
	}
	text += fmt.Sprintf(" (%d", r.Status)
	if r.ID != "" {
		text += ", request " + r.ID
	}
	return text + ")"
}

// RequestID returns the part of the text that is another each time.
func (r *Refusal) RequestID() string { return r.ID }

func (r *Refusal) Is(target error) bool {
	switch target {
	case fs.ErrNotExist:
		return r.Code == "NoSuchKey" || r.Code == "NotFound"
	case fs.ErrPermission:
		return r.Status == http.StatusForbidden
	case mirror.ErrChanged:
		return r.Status == http.StatusPreconditionFailed
	}
	return false
}

const maxRefusal = 64 << 10 // bytes

// refusal reads an answer that is an error, or marks it when it may pass.
func (b *Bucket) refusal(answer *http.Response, c call) error {
	body, _ := io.ReadAll(io.LimitReader(answer.Body, maxRefusal))
	var said struct {
		Code, Message, Region string
		ID                    string `xml:"RequestId"`
	}
	_ = xml.Unmarshal(body, &said) // a HEAD has none, and a proxy's is something else
	r := &Refusal{
		Status: answer.StatusCode, Code: word(said.Code), Message: line(said.Message),
		ID: word(cmp.Or(answer.Header.Get("X-Amz-Request-Id"), said.ID)),
	}
	if r.Code == "" {
		r.Code, r.Message = strings.ReplaceAll(http.StatusText(r.Status), " ", ""), ""
	}
	region := cmp.Or(answer.Header.Get("X-Amz-Bucket-Region"), said.Region)
	switch {
	case isRegion(region) && region != b.region:
		r.Message, r.Hint = "", fmt.Sprintf("the bucket is in %s, and was looked for in %s: set AWS_REGION=%[1]s", region, b.region)
	case r.Status/100 == 3:
		r.Hint = "what answers there sends elsewhere, and is not followed: is the endpoint right?"
	case r.Code == "AccessDenied", r.Code == "Forbidden":
		r.Message, r.Hint = "", "the credentials' role needs "+c.action // the message names who asks
	case r.Code == "NoSuchBucket":
		r.Hint = "is its name right, and AWS_REGION or the endpoint?"
	case r.Code == "InvalidObjectState":
		r.Hint = "it is in an archive; restore it first"
	}
	if mayPass(r) {
		return passing{r}
	}
	return r
}

// mayPass reports whether the same question may be answered later.
func mayPass(r *Refusal) bool {
	switch r.Code {
	case "SlowDown", "RequestTimeout", "InternalError", "ServiceUnavailable", "OperationAborted":
		return true
	}
	return r.Status == http.StatusTooManyRequests || r.Status >= 500 && r.Status != http.StatusNotImplemented
}

// word returns what a server called something, if it is a word.
func word(s string) string {
	if len(s) > 100 || strings.Trim(s, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-._+/=") != "" {
		return ""
	}
	return s
}

// line returns what a server said, in one line that is not too long.
func line(s string) string {
	s = strings.Join(strings.FieldsFunc(s, func(r rune) bool { return r <= ' ' || r == 0x7f || r == 0xfffd }), " ")
	return strings.ToValidUTF8(s[:min(len(s), 200)], "")
}

// errCut is an answer that ended early.
var errCut = errors.New("the answer ended early")
