package door

import (
	"encoding/base64"
	"net/http"
	"net/url"
	"strings"

	"github.com/besra-ml/besra/internal/tools/lambdasim"
)

// direct is Lambda's Invoke API: POST /2015-03-31/functions/{name}/invocations.
type direct struct{}

func (direct) limit() int64 { return lambdasim.MaxPayload }

func (direct) event(v *visit) (in lambdasim.Invocation, err error) {
	name, ok := strings.CutPrefix(v.r.URL.EscapedPath(), "/2015-03-31/functions/")
	name, is := strings.CutSuffix(name, "/invocations")
	if name, err = url.PathUnescape(name); !ok || !is || err != nil || v.r.Method != http.MethodPost {
		return in, &refusal{cause: noRoute, text: "there is POST /2015-03-31/functions/{name}/invocations alone"}
	}
	if !v.isFunction(name, v.r.URL.Query().Get("Qualifier")) {
		return in, &refusal{cause: noRoute, text: "Function not found: arn:aws:lambda:" + v.options.Region + ":" + v.options.Account + ":function:" + name}
	}
	switch kind := v.r.Header.Get("X-Amz-Invocation-Type"); kind {
	case "", "RequestResponse":
	default:
		return in, &refusal{cause: badRequest, text: "invocation type " + kind + " is not simulated"}
	}
	in = lambdasim.Invocation{Payload: v.body, TraceHeader: v.trace, Tail: v.r.Header.Get("X-Amz-Log-Type") == "Tail"}
	if c := v.r.Header.Get("X-Amz-Client-Context"); c != "" {
		b, err := base64.StdEncoding.DecodeString(c)
		if err != nil || len(c) > 3583 {
			return in, &refusal{cause: badRequest, text: "Client context must be a valid Base64-encoded JSON object."}
		}
		in.ClientContext = string(b)
	}
	return in, nil
}

// isFunction reports whether a name, which may be an ARN, is this function's.
func (v *visit) isFunction(name, qualifier string) bool {
	full := "arn:aws:lambda:" + v.options.Region + ":" + v.options.Account + ":function:" + v.options.Name
	for _, form := range []string{full, v.options.Account + ":function:" + v.options.Name, v.options.Name} {
		rest, ok := strings.CutPrefix(name, form)
		if !ok {
			continue
		}
		if rest != "" {
			if rest[0] != ':' || qualifier != "" && qualifier != rest[1:] {
				return false
			}
			qualifier = rest[1:]
		}
		return qualifier == "" || v.options.Version == "" || qualifier == v.options.Version
	}
	return false
}

func (direct) answer(v *visit, a *lambdasim.Answer) error {
	h := v.w.Header()
	h.Set("X-Amzn-Requestid", a.RequestID)
	h.Set("X-Amz-Executed-Version", a.Version)
	h.Set("X-Amzn-Trace-Id", v.trace)
	if a.FunctionError != "" {
		h.Set("X-Amz-Function-Error", a.FunctionError)
	}
	if a.Log != nil {
		h.Set("X-Amz-Log-Result", base64.StdEncoding.EncodeToString(a.Log))
	}
	v.write(http.StatusOK, "application/json", a.Payload)
	return nil
}
