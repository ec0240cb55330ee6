// Package strictyaml reads the plain part of YAML: one document of maps, lists and scalars.
//
// Anchors, aliases, tags, merge keys, complex keys and deep nesting are refused before they cost anything, and
// so is a member that the reader does not know. A scalar keeps its own spelling until the reader says what
// type it wants: version 1.10 is the text "1.10", and 3.7 is no whole number. Errors name file, line and
// member: policy.yaml:3: cutoffs.review: want a number, not "high".
package strictyaml

import (
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"unicode/utf8"

	"github.com/goccy/go-yaml/ast"
	"github.com/goccy/go-yaml/lexer"
	"github.com/goccy/go-yaml/parser"
	"github.com/goccy/go-yaml/token"
)

// What a document may be at most.
const (
	MaxSize  = 1 << 20 // bytes
	maxDepth = 32      // maps and lists in one another
	maxKeys  = 8192    // members of one map: checking them for duplicates takes quadratic time
)

// ReadFile reads a document's file; of a larger one than Parse takes, only so much that Parse will say so.
func ReadFile(path string) ([]byte, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	return io.ReadAll(io.LimitReader(f, MaxSize+1))
}

// A Node is a value of a document, and where it stands.
type Node struct {
	file string
	path string // the members that lead to it, joined by dots
	line int
	node ast.Node
}

// Parse reads a document. file is what errors call it.
func Parse(file string, data []byte) (n Node, err error) {
	if len(data) > MaxSize {
		return Node{}, fmt.Errorf("%s: larger than %d bytes", file, MaxSize)
	}
	if !utf8.Valid(data) {
		return Node{}, fmt.Errorf("%s: is not UTF-8", file)
	}
	defer func() {
		// The parser is not ours, and the document may be anybody's.
		if r := recover(); r != nil {
			n, err = Node{}, fmt.Errorf("%s: the YAML parser fails on it: %v", file, r)
		}
	}()
	tokens := lexer.Tokenize(strings.TrimPrefix(string(data), "\ufeff"))
	if line, err := plain(tokens); err != nil {
		return Node{}, fmt.Errorf("%s:%d: %w", file, line, err)
	}
	f, err := parser.Parse(tokens, 0)
	if err != nil {
		return Node{}, fmt.Errorf("%s:%w", file, syntax(err))
	}
	var body ast.Node
	for _, d := range f.Docs {
		if d.Body == nil {
			continue
		}
		if body != nil {
			return Node{}, fmt.Errorf("%s:%d: a second document", file, d.Body.GetToken().Position.Line)
		}
		body = d.Body
	}
	return Node{file: file, line: 1, node: body}, nil
}

// syntax turns a parser's "[3:7] message", which goes on to draw the file, into "3: message".
func syntax(err error) error {
	first, _, _ := strings.Cut(err.Error(), "\n")
	if at, msg, ok := strings.Cut(first, "] "); ok && strings.HasPrefix(at, "[") {
		line, _, _ := strings.Cut(at[1:], ":")
		return fmt.Errorf("%s: %s", line, msg)
	}
	return fmt.Errorf(" %s", first)
}

// plain refuses what this package does not read, by the tokens alone: parsing takes quadratic time and
// memory for deep nesting, and for many members of one map. It returns the line that it refuses.
func plain(tokens token.Tokens) (line int, err error) {
	var flow []int         // members of the open flow collections, outermost first
	block := map[int]int{} // members of the open block maps, by column
	entries, entryLine := 0, 0
	for _, t := range tokens {
		line, column := t.Position.Line, t.Position.Column
		switch t.Type {
		case token.AnchorType, token.AliasType, token.TagType, token.MergeKeyType, token.MappingKeyType, token.DirectiveType:
			return line, fmt.Errorf("%q: anchors, aliases, tags, merges, complex keys and directives are not read", t.Value)
		case token.InvalidType:
			return line, errors.New(t.Error)
		case token.SequenceStartType, token.MappingStartType:
			flow = append(flow, 0)
		case token.SequenceEndType, token.MappingEndType:
			flow = flow[:max(len(flow)-1, 0)]
		case token.SequenceEntryType:
			if line != entryLine {
				entries, entryLine = 0, line
			}
			entries++
			closeBelow(block, column)
		case token.MappingValueType:
			n := 0
			switch {
			case len(flow) > 0:
				flow[len(flow)-1]++
				n = flow[len(flow)-1]
			case t.Prev != nil:
				c := t.Prev.Position.Column
				closeBelow(block, c)
				block[c]++
				n = block[c]
			}
			if n > maxKeys {
				return line, fmt.Errorf("more than %d members in one map", maxKeys)
			}
		default:
			continue
		}
		if len(flow)+len(block)+entries > maxDepth {
			return line, fmt.Errorf("nested deeper than %d", maxDepth)
		}
	}
	return 0, nil
}

// closeBelow forgets the block maps whose members stand right of column.
func closeBelow(block map[int]int, column int) {
	for c := range block {
		if c > column {
			delete(block, c)
		}
	}
}
