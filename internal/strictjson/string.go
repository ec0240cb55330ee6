package strictjson

import (
	"unicode/utf16"
	"unicode/utf8"
)

// plain has the bytes that stand for themselves in a string: ASCII but control characters, quote and backslash.
var plain = func() (t [256]bool) {
	for c := ' '; c < utf8.RuneSelf; c++ {
		t[c] = c != '"' && c != '\\'
	}
	return t
}()

// String reads a string and returns it without escapes, as UTF-8. It is valid until the scanner's next
// call; without escapes in it, it is a part of the text and stays valid with it.
func (s *Scanner) String() ([]byte, error) {
	i := space(s.text, s.pos)
	if uint(i) >= uint(len(s.text)) || s.text[i] != '"' {
		return nil, s.mismatch(i, String)
	}
	end, escaped, err := s.quoted(i)
	if err != nil {
		return nil, err
	}
	s.pos = end
	if escaped {
		return s.unescaped(s.text[i+1 : end-1]), nil
	}
	return s.text[i+1 : end-1], nil
}

// quoted checks the string whose opening quote is at offset i. It returns the offset after the closing
// one, and whether there are escapes in between.
func (s *Scanner) quoted(i int) (end int, escaped bool, err error) {
	text := s.text
	for i++; ; {
		for len(text)-i >= 8 {
			n := plainPrefix(word(text, i))
			i += n
			if n < 8 {
				break
			}
		}
		for uint(i) < uint(len(text)) && plain[text[i]] {
			i++
		}
		if uint(i) >= uint(len(text)) {
			return 0, false, s.unexpected(i, `'"'`)
		}
		switch c := text[i]; {
		case c == '"':
			return i + 1, escaped, nil
		case c == '\\':
			_, n := unescape(text[i:])
			if n == 0 {
				return 0, false, s.badEscape(i)
			}
			escaped = true
			i += n
		case c < ' ':
			return 0, false, s.fail(i, Syntax, "a control character in a string must be escaped")
		default:
			r, n := utf8.DecodeRune(text[i:])
			if r == utf8.RuneError && n == 1 {
				return 0, false, s.fail(i, Syntax, "a string is not valid UTF-8")
			}
			i += n
		}
	}
}

// unescaped writes a string that quoted found to be valid into the scanner's buffer.
func (s *Scanner) unescaped(raw []byte) []byte {
	s.buf = appendUnescaped(s.buf[:0], raw)
	return s.buf
}

func appendUnescaped(dst, raw []byte) []byte {
	for i := 0; i < len(raw); {
		if raw[i] != '\\' {
			dst = append(dst, raw[i])
			i++
			continue
		}
		r, n := unescape(raw[i:])
		if n == 0 {
			return dst // not after quoted
		}
		dst = utf8.AppendRune(dst, r)
		i += n
	}
	return dst
}

// unescape decodes the escape at the start of text. It returns its length, or 0 if it is not valid. A surrogate
// is valid only in front of its other half, and both are one escape.
func unescape(text []byte) (r rune, n int) {
	if len(text) < 2 {
		return 0, 0
	}
	switch c := text[1]; c {
	case '"', '\\', '/':
		return rune(c), 2
	case 'b':
		return '\b', 2
	case 'f':
		return '\f', 2
	case 'n':
		return '\n', 2
	case 'r':
		return '\r', 2
	case 't':
		return '\t', 2
	}
	r, ok := hex(text)
	if !ok {
		return 0, 0
	}
	if !utf16.IsSurrogate(r) {
		return r, 6
	}
	low, ok := hex(text[6:])
	if r = utf16.DecodeRune(r, low); !ok || r == utf8.RuneError {
		return 0, 0
	}
	return r, 12
}

// hex decodes the \uXXXX at the start of text.
func hex(text []byte) (r rune, ok bool) {
	if len(text) < 6 || text[0] != '\\' || text[1] != 'u' {
		return 0, false
	}
	for _, c := range text[2:6] {
		switch {
		case '0' <= c && c <= '9':
			r = r<<4 | rune(c-'0')
		case 'a' <= c|0x20 && c|0x20 <= 'f':
			r = r<<4 | rune(c|0x20-'a'+10)
		default:
			return 0, false
		}
	}
	return r, true
}
