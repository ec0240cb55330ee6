package lambda

import (
	"bytes"
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"strings"

	"github.com/besra-ml/besra/internal/strictjson"
)

// An event is a request as a platform hands it over.
type event struct {
	scanner scanner

	method, path, query string
	source              string
	requestID           string
	header              http.Header
	lists               http.Header // headers as lists of values, which count where there are any
	body                []byte
	packed              bool // the body is in base64
	caller              caller
	many                bool // headers have lists of values, and so must those of the answer

	// What tells the kinds apart.
	version, domain string
	balanced, api   bool
}

var (
	errOther = errors.New("it is of another kind")
	errJSON  = errors.New("it is no JSON of the platform's")
)

// read reads an event of a kind, and refuses those of others.
func (e *event) read(kind Kind, payload []byte) error {
	*e = event{scanner: e.scanner, body: e.body[:0], header: http.Header{}}
	e.scanner.Reset(payload)
	if kind == Direct {
		return e.readDirect(payload)
	}
	err := e.scanner.object(e.member)
	if err == nil {
		err = e.scanner.End()
	}
	if err != nil {
		return fmt.Errorf("%w: %w", errJSON, err)
	}
	if got := e.kind(); got != kind.String() {
		return fmt.Errorf("%w: %s", errOther, got)
	}
	if len(e.lists) > 0 {
		e.header = e.lists
	}
	if e.packed {
		n, err := base64.StdEncoding.Decode(e.body, e.body)
		if err != nil {
			return fmt.Errorf("body: %w", err)
		}
		e.body = e.body[:n]
	}
	return nil
}

// kind tells what an event looks like.
func (e *event) kind() string {
	switch {
	case e.balanced:
		return ALB.String()
	case !e.api:
		return "it has no requestContext of API Gateway, a function URL or a load balancer"
	case e.version == "2.0" && strings.Contains(e.domain, ".lambda-url."):
		return FunctionURL.String()
	case e.version == "2.0":
		return HTTPAPI.String()
	case e.version == "":
		return RESTAPI.String()
	}
	return fmt.Sprintf("http-api with payload format %.8q; the integration's PayloadFormatVersion must be 2.0", e.version)
}

// member reads a member of an event, whatever kind it is of.
func (e *event) member(name string) (known bool, err error) {
	s := &e.scanner
	switch name {
	case "version":
		err = s.text(&e.version)
	case "httpMethod":
		err = s.text(&e.method)
	case "path", "rawPath":
		err = s.text(&e.path)
	case "rawQueryString":
		err = s.text(&e.query)
	case "queryStringParameters":
		err = e.parameters()
	case "multiValueQueryStringParameters":
		err = e.manyParameters()
	case "headers":
		err = s.object(e.one)
	case "multiValueHeaders":
		if s.Kind() != strictjson.Null {
			e.many, e.lists = true, http.Header{}
		}
		err = s.object(e.several)
	case "requestContext":
		err = s.object(e.context)
	case "body":
		if s.Kind() == 'n' {
			return true, s.Null()
		}
		var b []byte
		b, err = s.String()
		e.body = append(e.body[:0], b...)
	case "isBase64Encoded":
		err = s.truth(&e.packed)
	default:
		return false, nil
	}
	return true, err
}

// context reads a member of requestContext.
func (e *event) context(name string) (known bool, err error) {
	s := &e.scanner
	switch name {
	case "elb":
		e.balanced = s.Kind() != 'n'
		return false, nil
	case "apiId":
		e.api = true
		return false, nil
	case "domainName":
		err = s.text(&e.domain)
	case "requestId":
		err = s.text(&e.requestID)
	case "stage":
		err = s.text(&e.caller.stage)
	case "http":
		err = s.object(func(name string) (bool, error) {
			switch name {
			case "method":
				return true, s.text(&e.method)
			case "sourceIp":
				return true, s.text(&e.source)
			}
			return false, nil
		})
	case "identity":
		err = s.object(func(name string) (bool, error) {
			switch name {
			case "sourceIp":
				return true, s.text(&e.source)
			case "apiKeyId":
				return true, s.text(&e.caller.key)
			case "userArn":
				return true, s.text(&e.caller.arn)
			}
			return false, nil
		})
	case "authorizer":
		err = s.object(e.caller.authorizer(s))
	default:
		return false, nil
	}
	return true, err
}

// one reads a header of one value. One that a client spells in two ways, as X-A and x-a, has two.
func (e *event) one(name string) (bool, error) {
	var value string
	err := e.scanner.text(&value)
	e.header.Add(name, value)
	return true, err
}

func (e *event) several(name string) (bool, error) {
	return true, e.scanner.texts(func(v string) { e.lists.Add(name, v) })
}

// parameters reads a query whose names and values are decoded already, as the REST API's are, or are not, as a load
// balancer's: both are spelled so that they mean the same.
func (e *event) parameters() error {
	var all []string
	err := e.scanner.object(func(name string) (bool, error) {
		var value string
		err := e.scanner.text(&value)
		all = append(all, name+"="+value)
		return true, err
	})
	if e.query == "" {
		e.query = spelled(all)
	}
	return err
}

func (e *event) manyParameters() error {
	if e.scanner.Kind() == 'n' {
		return e.scanner.Null()
	}
	var all []string
	err := e.scanner.object(func(name string) (bool, error) {
		return true, e.scanner.texts(func(v string) { all = append(all, name+"="+v) })
	})
	e.query = spelled(all)
	return err
}

// spelled joins parameters, with what may not stand in a query escaped. What is escaped already stays so: nothing that
// besra serves has parameters; they are looked at for credentials, which do not belong there.
func spelled(parameters []string) string {
	for i, p := range parameters {
		if strings.ContainsFunc(p, func(r rune) bool { return r <= ' ' || r > '~' || r == '&' || r == '#' }) {
			parameters[i] = url.QueryEscape(p)
		}
	}
	return strings.Join(parameters, "&")
}

// request makes the request that the event stands for. What a client has written makes no error of it: those are the
// function's, and alarms count them.
func (e *event) request(ctx context.Context, kind Kind) (*http.Request, error) {
	if stage := e.caller.stage; kind == HTTPAPI && stage != "" && stage != "$default" && strings.Contains(e.domain, ".execute-api.") {
		if rest, ok := strings.CutPrefix(e.path, "/"+stage); ok && strings.HasPrefix(rest, "/") {
			e.path = rest // a named stage is the beginning of the path, but not at a domain of one's own
		}
	}
	u := &url.URL{Path: e.path, RawQuery: e.query}
	if kind != HTTPAPI { // which has decoded the path
		if path, err := url.PathUnescape(e.path); err == nil && path != e.path {
			u.Path, u.RawPath = path, e.path
		}
	}
	if e.method == "" || !strings.HasPrefix(e.path, "/") {
		return nil, errors.New("it has no method or path")
	}
	if e.balanced {
		e.source = forwarded(e.header["X-Forwarded-For"])
	}
	if _, ok := e.header["X-Request-Id"]; !ok && e.requestID != "" {
		e.header["X-Request-Id"] = []string{e.requestID}
	}
	r := &http.Request{
		Method: e.method, URL: u, Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1,
		Header: e.header, Host: e.header.Get("Host"), RequestURI: u.RequestURI(), RemoteAddr: net.JoinHostPort(e.source, "0"),
		Body: io.NopCloser(bytes.NewReader(e.body)), ContentLength: int64(len(e.body)),
	}
	return r.WithContext(ctx), nil
}

// forwarded returns the address in X-Forwarded-For that is the balancer's own word: the last. What stands before it may
// be a lie. There may be a port behind it, as routing.http.xff_client_port.enabled has it.
func forwarded(lines []string) string {
	if len(lines) == 0 {
		return ""
	}
	last := lines[len(lines)-1]
	last = strings.TrimSpace(last[strings.LastIndexByte(last, ',')+1:])
	if at, err := netip.ParseAddrPort(last); err == nil {
		return at.Addr().String()
	}
	return last
}
