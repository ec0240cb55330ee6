package auth

import (
	"encoding/base64"
	"errors"
	"strings"

	"github.com/besra-ml/besra/internal/strictjson"
)

// A tokenHead is what a token says of itself before anything of it is proven: enough to choose the key that can
// prove the rest.
type tokenHead struct {
	alg    string
	kid    string
	hasKid bool
	issuer string
}

const maxKeyID = 256 // bytes

// readTokenHead reads a token's head, and refuses at no great cost what no issuer of ours would write.
//
// Members that stand twice are refused here, and bytes that are not UTF-8: readers of JSON differ in what they
// make of them. So are line breaks, which base64 decoders skip, and with which one token could be spelled in
// any number of ways. Members that would tell where a key is (jku, jwk, x5u, x5c) mean nothing.
func readTokenHead(token string) (h tokenHead, err error) {
	if len(token) > maxToken {
		return h, tokenErrorf(tokenMalformed, "%d bytes are more than %d", len(token), maxToken)
	}
	header, rest, ok := strings.Cut(token, ".")
	payload, signature, ok2 := strings.Cut(rest, ".")
	if !ok || !ok2 || header == "" || payload == "" || strings.Contains(signature, ".") {
		return h, tokenErrorf(tokenMalformed, "not header, payload and signature with dots between them")
	}
	for i := range len(token) {
		if !tokenByte(token[i]) {
			return h, tokenErrorf(tokenMalformed, "byte %d is not base64url", i)
		}
	}
	if err := h.readHeader(header); err != nil {
		return h, tokenErrorf(tokenMalformed, "header: %w", err)
	}
	if err := h.readPayload(payload); err != nil {
		return h, tokenErrorf(tokenMalformed, "payload: %w", err)
	}
	return h, nil
}

func tokenByte(c byte) bool {
	return c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' || c == '-' || c == '_' || c == '.'
}

func (h *tokenHead) readHeader(part string) error {
	return eachTokenMember(part, func(name string, s *strictjson.Scanner) (err error) {
		switch name {
		case "alg":
			h.alg, err = tokenText(s)
		case "kid":
			h.hasKid = true
			if h.kid, err = tokenText(s); len(h.kid) > maxKeyID {
				return errors.New("kid is too long")
			}
		case "typ":
			var typ string
			if typ, err = tokenText(s); err == nil && !accessToken(typ) {
				return errors.New("typ is not that of a token for access")
			}
		case "crit":
			return errors.New("crit names extensions, and none are known")
		default:
			_, err = s.Skip()
		}
		return err
	})
}

// accessToken reports whether a token of this type may be meant for us: one for logging out, say, is signed by the same
// keys. RFC 9068, section 4; media types are compared without regard to case.
func accessToken(typ string) bool {
	typ = strings.TrimPrefix(strings.ToLower(typ), "application/")
	return typ == "jwt" || typ == "at+jwt"
}

func (h *tokenHead) readPayload(part string) error {
	return eachTokenMember(part, func(name string, s *strictjson.Scanner) (err error) {
		if name == "iss" {
			h.issuer, err = tokenText(s)
			return err
		}
		_, err = s.Skip()
		return err
	})
}

// eachTokenMember calls read for each member of a part of a token, an object.
func eachTokenMember(part string, read func(name string, s *strictjson.Scanner) error) error {
	text, err := base64.RawURLEncoding.Strict().DecodeString(part)
	if err != nil {
		return err
	}
	return eachJSONMember(text, read)
}

func eachJSONMember(text []byte, read func(name string, s *strictjson.Scanner) error) error {
	var s strictjson.Scanner
	s.Reset(text)
	if err := jsonMembersOf(&s, read); err != nil {
		return err
	}
	return s.End()
}

// jsonMembersOf calls read for each member of the object that comes next, to read its value.
func jsonMembersOf(s *strictjson.Scanner, read func(name string, s *strictjson.Scanner) error) error {
	if err := s.Object(); err != nil {
		return err
	}
	for {
		name, ok, err := s.Name()
		if err != nil || !ok {
			return err
		}
		if err := read(string(name), s); err != nil {
			return err
		}
	}
}

func tokenText(s *strictjson.Scanner) (string, error) {
	text, err := s.String()
	return string(text), err
}
