package stack

import "strings"

// A route is a path of besra's that the front door lets through. What is not among them the door refuses by itself, and
// nobody pays for an invocation. Pages and metrics of one process of many would mean nothing.
type route struct {
	id     string // in the names of resources
	method string
	path   string
}

func routes() []route {
	return []route{
		{"Score", "POST", "/v1/score"},
		{"ScoreBatch", "POST", "/v1/score/batch"},
		{"Labels", "POST", "/v1/labels"},
		{"Models", "GET", "/v1/models"},
		{"Model", "GET", "/v1/models/{name}"},
		{"Status", "GET", "/v1/status"},
		{"OpenAPI", "GET", "/openapi.json"},
		{"Ready", "GET", "/readyz"},
	}
}

// arn is the path in the ARN of a caller.
func (r route) arn() string { return strings.ReplaceAll(r.path, "{name}", "*") }

// A node is a part of a path in a REST API, which has a resource for each.
type node struct {
	id, parent, part string // parent is what has the id of its parent, in YAML
}

// nodes are the parts of all routes' paths, each after its parent.
func nodes() []node {
	var all []node
	seen := map[string]bool{}
	for _, r := range routes() {
		parent, id := "!GetAtt RestApi.RootResourceId", "Path"
		for part := range strings.SplitSeq(strings.TrimPrefix(r.path, "/"), "/") {
			id += name(part)
			if !seen[id] {
				all = append(all, node{id, parent, part})
			}
			seen[id] = true
			parent = "!Ref " + id
		}
	}
	return all
}

// node is the id of the last part of r's path.
func (r route) node() string {
	id := "Path"
	for part := range strings.SplitSeq(strings.TrimPrefix(r.path, "/"), "/") {
		id += name(part)
	}
	return id
}

// name makes part of a resource's name of text: its letters and digits, and a capital where a word begins.
func name(text string) string {
	var b strings.Builder
	up := true
	for _, r := range text {
		switch {
		case r >= 'a' && r <= 'z' && up:
			b.WriteRune(r - 'a' + 'A')
			up = false
		case r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9':
			b.WriteRune(r)
			up = false
		default:
			up = true
		}
	}
	return b.String()
}
