package door

import (
	"net/http"
	"strconv"

	"github.com/go-json-experiment/json"
)

// A refusal is why a request got no answer of the function.
type refusal struct {
	cause cause
	kind  string // of an error of IAM, such as InvalidSignatureException
	text  string // for those who may read it
}

func (e *refusal) Error() string { return e.text }

type cause uint8

const (
	badRequest         cause = iota // it cannot be read
	noRoute                         // nothing is there
	unsigned                        // no signature, or a wrong one: kind and text
	noToken                         // no token, or a wrong one: text
	noScope                         // a token that is not for this
	noKey                           // no API key, or an unknown one
	throttled                       // by stage, account or usage plan
	overQuota                       // of the usage plan
	tooLarge                        // for the platform
	lambdaThrottled                 // text: the reason
	lambdaTooLarge                  // for Lambda
	lambdaNotJSON                   // what was sent to Lambda
	lambdaFailed                    // Lambda does not take it
	functionError                   // the function failed
	malformed                       // the function's answer is none
	integrationTimeout              // the function took too long for the platform
)

// message writes {"message":…}, as most of AWS does.
func (v *visit) message(status int, kind, text string) {
	if kind != "" {
		v.w.Header().Set("X-Amzn-Errortype", kind)
	}
	b, err := json.Marshal(struct {
		Message string `json:"message"`
	}{text})
	if err != nil {
		b = []byte(`{"message":null}`)
	}
	v.write(status, "application/json", b)
}

// write writes a response.
func (v *visit) write(status int, contentType string, body []byte) {
	h := v.w.Header()
	if contentType != "" {
		h.Set("Content-Type", contentType)
	}
	if status == http.StatusNoContent || status == http.StatusNotModified {
		body = nil
	} else {
		h.Set("Content-Length", strconv.Itoa(len(body)))
	}
	v.status = status
	v.w.WriteHeader(status)
	if v.r.Method != http.MethodHead {
		_, _ = v.w.Write(body) // who has left is told nothing
	}
}

// refuse tells as HTTP APIs do. That a function that fails or says nonsense is 500 here is what they do; the documents
// (services-apigateway-errors.html) have 502, which is what REST APIs do.
func (httpAPI) refuse(v *visit, e *refusal) {
	v.w.Header().Set("Apigw-Requestid", apiID(v.id))
	switch e.cause {
	case badRequest:
		v.message(http.StatusBadRequest, "", "Bad Request")
	case noRoute:
		v.message(http.StatusNotFound, "", "Not Found")
	case noToken:
		h := "Bearer"
		if e.text != "" {
			h = `Bearer scope="" error="invalid_token" error_description="` + e.text + `"`
		}
		v.w.Header().Set("Www-Authenticate", h)
		v.message(http.StatusUnauthorized, "", "Unauthorized")
	case unsigned, noScope, noKey:
		v.message(http.StatusForbidden, "", "Forbidden")
	case throttled, overQuota:
		v.message(http.StatusTooManyRequests, "", "Too Many Requests")
	case tooLarge:
		v.message(http.StatusRequestEntityTooLarge, "", "Request Entity Too Large")
	case integrationTimeout:
		v.message(http.StatusServiceUnavailable, "", "Service Unavailable")
	default:
		v.message(http.StatusInternalServerError, "", "Internal Server Error")
	}
}

func (restAPI) refuse(v *visit, e *refusal) {
	v.w.Header().Set("X-Amzn-Requestid", v.id)
	v.w.Header().Set("X-Amz-Apigw-Id", apiID(v.id))
	switch e.cause {
	case badRequest:
		v.message(http.StatusBadRequest, "BadRequestException", "Bad Request Exception")
	case noRoute: // it does not say more to who has no credentials
		v.message(http.StatusForbidden, "MissingAuthenticationTokenException", "Missing Authentication Token")
	case unsigned:
		v.message(http.StatusForbidden, e.kind, e.text)
	case noToken, noScope, noKey:
		v.message(http.StatusForbidden, "ForbiddenException", "Forbidden")
	case throttled:
		v.message(http.StatusTooManyRequests, "TooManyRequestsException", "Too Many Requests")
	case overQuota:
		v.message(http.StatusTooManyRequests, "LimitExceededException", "Limit Exceeded")
	case tooLarge:
		v.message(http.StatusRequestEntityTooLarge, "RequestTooLargeException", "HTTP content length exceeded "+strconv.Itoa(maxBody)+" bytes.")
	case integrationTimeout:
		v.message(http.StatusGatewayTimeout, "InternalServerErrorException", "Endpoint request timed out")
	case functionError, malformed:
		v.message(http.StatusBadGateway, "InternalServerErrorException", "Internal server error")
	default:
		v.message(http.StatusInternalServerError, "InternalServerErrorException", "Internal server error")
	}
}

func (functionURL) refuse(v *visit, e *refusal) {
	v.w.Header().Set("X-Amzn-Requestid", v.id)
	switch e.cause {
	case badRequest:
		v.message(http.StatusBadRequest, "BadRequestException", "Bad Request")
	case unsigned, noToken, noScope, noKey:
		v.w.Header().Set("X-Amzn-Errortype", "AccessDeniedException")
		v.write(http.StatusForbidden, "application/json", []byte(`{"Message":"Forbidden"}`))
	case tooLarge, lambdaTooLarge:
		v.message(http.StatusRequestEntityTooLarge, "RequestTooLargeException", "Request Entity Too Large")
	case lambdaThrottled, throttled, overQuota:
		v.lambdaThrottled(e)
	case functionError, malformed, integrationTimeout:
		v.write(http.StatusBadGateway, "text/plain", []byte("Internal Server Error"))
	default:
		v.write(http.StatusInternalServerError, "text/plain", []byte("Internal Server Error"))
	}
}

// refuse tells as load balancers do. What they make of a throttle is not documented; that it is 502 is assumed, as for all
// else that goes wrong with Lambda.
func (balancer) refuse(v *visit, e *refusal) {
	v.w.Header().Set("Server", "awselb/2.0")
	status := http.StatusBadGateway
	switch e.cause {
	case badRequest:
		status = http.StatusBadRequest
	case tooLarge:
		status = http.StatusRequestEntityTooLarge
	case noRoute:
		status = http.StatusNotFound
	default:
	}
	title := strconv.Itoa(status) + " " + http.StatusText(status)
	v.write(status, "text/html", []byte("<html>\r\n<head><title>"+title+"</title></head>\r\n<body>\r\n<center><h1>"+title+"</h1></center>\r\n</body>\r\n</html>\r\n"))
}

func (direct) refuse(v *visit, e *refusal) {
	v.w.Header().Set("X-Amzn-Requestid", v.id)
	switch e.cause {
	case badRequest:
		v.lambdaError(http.StatusBadRequest, "InvalidParameterValueException", e.text)
	case noRoute:
		v.lambdaError(http.StatusNotFound, "ResourceNotFoundException", e.text)
	case unsigned:
		v.message(http.StatusForbidden, e.kind, e.text)
	case noToken, noScope, noKey:
		v.message(http.StatusForbidden, "AccessDeniedException", e.text)
	case throttled, overQuota, lambdaThrottled:
		v.lambdaThrottled(e)
	case tooLarge, lambdaTooLarge:
		v.lambdaError(http.StatusRequestEntityTooLarge, "RequestTooLargeException", e.text)
	case lambdaNotJSON:
		v.lambdaError(http.StatusBadRequest, "InvalidRequestContentException", e.text)
	default:
		v.lambdaError(http.StatusInternalServerError, "ServiceException", "Internal service error.")
	}
}

// lambdaError writes an error of Lambda's own API.
func (v *visit) lambdaError(status int, kind, text string) {
	who := "User"
	if status >= http.StatusInternalServerError {
		who = "Service"
	}
	v.w.Header().Set("X-Amzn-Errortype", kind)
	b, err := json.Marshal(struct {
		Type    string
		Message string `json:"message"`
	}{who, text})
	if err != nil {
		b = []byte(`{"Type":"User"}`)
	}
	v.write(status, "application/json", b)
}

func (v *visit) lambdaThrottled(e *refusal) {
	v.w.Header().Set("X-Amzn-Errortype", "TooManyRequestsException")
	v.w.Header().Set("Retry-After", "1")
	v.write(http.StatusTooManyRequests, "application/json", []byte(`{"Reason":"`+e.text+`","Type":"User","message":"Rate Exceeded."}`))
}
