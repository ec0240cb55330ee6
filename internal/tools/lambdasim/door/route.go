package door

import (
	"errors"
	"fmt"
	"net/url"
	"slices"
	"strings"
)

// A route is a key of API Gateway's: "POST /v1/score", "ANY /v1/models/{name}", "ANY /{proxy+}", or $default.
type route struct {
	key      string
	method   string // "": any
	segments []string
	greedy   bool // the last segment takes the rest of the path
	all      bool // $default
}

var methods = []string{"GET", "POST", "PUT", "DELETE", "PATCH", "HEAD", "OPTIONS", "ANY"}

func parseRoutes(keys []string) (all []route, err error) {
	for _, key := range keys {
		r, err := parseRoute(key)
		if err != nil {
			return nil, fmt.Errorf("route %q: %w", key, err)
		}
		all = append(all, r)
	}
	return all, nil
}

func parseRoute(key string) (route, error) {
	if key == "$default" {
		return route{key: key, all: true}, nil
	}
	method, path, ok := strings.Cut(key, " ")
	if !ok || !slices.Contains(methods, method) || !strings.HasPrefix(path, "/") {
		return route{}, errors.New("want a method or ANY, and a path")
	}
	r := route{key: key, method: method, segments: strings.Split(path[1:], "/")}
	if method == "ANY" {
		r.method = ""
	}
	for i, s := range r.segments {
		if !strings.ContainsAny(s, "{}") {
			continue
		}
		name := strings.Trim(s, "{}")
		if s != "{"+name+"}" || strings.Trim(name, "+") == "" {
			return r, fmt.Errorf("%q is no parameter", s)
		}
		if strings.HasSuffix(name, "+") {
			if i < len(r.segments)-1 {
				return r, errors.New("a greedy parameter is the last")
			}
			r.greedy = true
		}
	}
	return r, nil
}

// match reports whether the route takes a request, and what its parameters are.
func (r *route) match(method, path string) (params map[string]string, ok bool) {
	if r.all {
		return nil, true
	}
	if r.method != "" && r.method != method {
		return nil, false
	}
	parts := strings.Split(strings.TrimPrefix(path, "/"), "/")
	if len(parts) < len(r.segments) || len(parts) > len(r.segments) && !r.greedy {
		return nil, false
	}
	for i, s := range r.segments {
		name, is := strings.CutPrefix(s, "{")
		if !is {
			if s != parts[i] {
				return nil, false
			}
			continue
		}
		name = strings.TrimRight(name, "+}")
		value := parts[i]
		if r.greedy && i == len(r.segments)-1 {
			value = strings.Join(parts[i:], "/")
		}
		if value == "" {
			return nil, false
		}
		if params == nil {
			params = map[string]string{}
		}
		if decoded, err := url.PathUnescape(value); err == nil {
			value = decoded
		}
		params[name] = value
	}
	return params, true
}

// rank orders routes: the one without parameters wins over one with, a greedy one comes after those, $default last
// (http-api-develop-routes.html).
func (r *route) rank() int {
	switch {
	case r.all:
		return 3
	case r.greedy:
		return 2
	case slices.ContainsFunc(r.segments, func(s string) bool { return strings.HasPrefix(s, "{") }):
		return 1
	}
	return 0
}

// find finds the route of a request. A named stage of an API is the beginning of its path.
func (v *visit) find() error {
	path := v.path()
	best := -1
	for i := range v.routes {
		r := &v.routes[i]
		params, ok := r.match(v.r.Method, path)
		if !ok {
			continue
		}
		if b := best; b < 0 || r.rank() < v.routes[b].rank() || r.rank() == v.routes[b].rank() && r.method != "" && v.routes[b].method == "" {
			best, v.params, v.route = i, params, r.key
		}
	}
	if best < 0 || path == "" {
		return &refusal{cause: noRoute}
	}
	return nil
}

// path returns the path without the stage; "": it is of another stage.
func (v *visit) path() string {
	path := v.r.URL.EscapedPath()
	if v.options.Stage == "" || v.options.Stage == "$default" {
		return path
	}
	rest, ok := strings.CutPrefix(path, "/"+v.options.Stage)
	if !ok || rest != "" && rest[0] != '/' {
		return ""
	}
	return "/" + strings.TrimPrefix(rest, "/")
}
