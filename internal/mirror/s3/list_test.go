package s3

import (
	"encoding/xml"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/besra-ml/besra/internal/mirror"
	"github.com/besra-ml/besra/internal/mirror/s3/s3test"
)

func TestAListOfManyPages(t *testing.T) {
	s, b := started(t)
	var want []mirror.Object
	for i := range 2500 {
		content := strconv.Itoa(i)
		key := fmt.Sprintf("fraud/%05d/a b+c é%%41\x01.yaml", i)
		s.Put("models/"+key, content)
		want = append(want, mirror.Object{Key: key, Size: int64(len(content)), ETag: s3test.ETag([]byte(content))})
	}
	s.Put("models/fraudulent/1", "")
	got, err := b.List(t.Context(), "fraud/", 2500)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	if asked := s.Asked(); len(asked) != 3 {
		t.Errorf("asked %q", asked)
	}
	if _, err = b.List(t.Context(), "fraud/", 2499); err == nil || err.Error() != "s3://models/fraud/: there are more than 2499 objects" {
		t.Errorf("got %v", err)
	}
	if got, err := b.List(t.Context(), "other/", 10); err != nil || len(got) != 0 {
		t.Errorf("got %v, %v", got, err)
	}
}

func TestAListThatIsNone(t *testing.T) {
	one := func(inner string) string { return "<ListBucketResult>" + inner + "</ListBucketResult>" }
	for name, c := range map[string]struct{ answer, want string }{
		"nothing":                 {"", "s3://models: the answer is no list: unexpected EOF"},
		"a page":                  {"<html></html>", `s3://models: the answer is no list: it is "html"`},
		"JSON":                    {`{"Contents":[]}`, "s3://models: the answer is no list: unexpected EOF"},
		"half":                    {"<ListBucketResult><Contents><Key>a", "s3://models: the answer is no list: XML syntax error on line 1: unexpected EOF"},
		"a size that is none":     {one("<Contents><Key>a</Key><ETag>e</ETag><Size>many</Size></Contents>"), `s3://models: the answer is no list: size "many" of "a"`},
		"a size below 0":          {one("<Contents><Key>a</Key><ETag>e</ETag><Size>-1</Size></Contents>"), `s3://models: the answer is no list: size "-1" of "a"`},
		"no ETag":                 {one("<Contents><Key>a</Key><Size>1</Size></Contents>"), `s3://models: the answer is no list: ETag "" of "a"`},
		"an ETag with a line end": {one("<Contents><Key>a</Key><ETag>e&#13;&#10;X: y</ETag><Size>1</Size></Contents>"), `s3://models: the answer is no list: ETag "e\r\nX: y" of "a"`},
		"another prefix":          {one("<Contents><Key>b</Key><ETag>e</ETag><Size>1</Size></Contents>"), `s3://models: the answer is no list: key "b" does not begin with "a"`},
		"a bad escape":            {one("<EncodingType>url</EncodingType><Contents><Key>a%ZZ</Key><ETag>e</ETag><Size>1</Size></Contents>"), `s3://models: the answer is no list: key "a%ZZ": invalid URL escape "%ZZ"`},
		"a page without a next":   {one("<IsTruncated>true</IsTruncated>"), "s3://models: the answer is no list: it goes on, and does not say where"},
		"a page that is the last": {one("<IsTruncated>true</IsTruncated><NextContinuationToken>x</NextContinuationToken>"), "s3://models/a: the list does not go on"},
		"too many keys":           {one(strings.Repeat("<Contents><Key>a</Key><ETag>e</ETag><Size>1</Size></Contents>", 1001)), "s3://models: the answer is no list: it has more than 1000 keys"},
		"too much":                {one(strings.Repeat(" ", maxPage)), "s3://models: the answer is larger than a list can be"},
		"too much after it":       {one("") + strings.Repeat(" ", maxPage), "s3://models: the answer is larger than a list can be"},
	} {
		t.Run(name, func(t *testing.T) {
			s, b := started(t)
			b.answerTime = answerTime
			s.Break(func(w http.ResponseWriter, _ *http.Request) bool {
				_, _ = io.WriteString(w, c.answer)
				return true
			})
			if _, err := b.List(t.Context(), "a", 10); err == nil || err.Error() != c.want {
				t.Errorf("got  %v\nwant %s", err, c.want)
			}
		})
	}
}

func TestAListWithoutEndEnds(t *testing.T) {
	s, b := started(t)
	n := 0
	s.Break(func(w http.ResponseWriter, _ *http.Request) bool {
		n++
		fmt.Fprintf(w, "<ListBucketResult><IsTruncated>true</IsTruncated><NextContinuationToken>%d</NextContinuationToken></ListBucketResult>", n)
		return true
	})
	_, err := b.List(t.Context(), "a", 3000)
	if want := "s3://models/a: the list has more pages than 3000 objects need"; err == nil || err.Error() != want || n != 5 {
		t.Errorf("after %d pages: %v", n, err)
	}
}

// FuzzReadPage holds whatever is read against what encoding/xml makes of it in one go.
func FuzzReadPage(f *testing.F) {
	for _, seed := range []string{
		`<?xml version="1.0" encoding="UTF-8"?>` + "\n" + `<ListBucketResult xmlns="http://s3.amazonaws.com/doc/2006-03-01/"><Name>models</Name><Prefix>fraud%2F</Prefix><KeyCount>2</KeyCount><MaxKeys>1000</MaxKeys><EncodingType>url</EncodingType><IsTruncated>true</IsTruncated><Contents><Key>fraud%2F3/bundle.yaml</Key><LastModified>2026-11-26T17:00:00.000Z</LastModified><ETag>&quot;d41d8cd98f00b204e9800998ecf8427e&quot;</ETag><ChecksumAlgorithm>CRC32</ChecksumAlgorithm><Size>12</Size><StorageClass>STANDARD</StorageClass><Owner><ID>1</ID></Owner></Contents><Contents><Key>fraud%2F3/model.ubj</Key><ETag>"e-2"</ETag><Size>9007199254740993</Size></Contents><NextContinuationToken>1ueGcxLPRx1Tr/XYExHnhbYLgveDs2J/wm36Hy4vbOwM=</NextContinuationToken></ListBucketResult>`,
		`<ListBucketResult><IsTruncated>false</IsTruncated><Contents><Key>a+b</Key><ETag>x</ETag><Size>0</Size></Contents></ListBucketResult>`,
		`<ListBucketResult/>`, `<Error><Code>AccessDenied</Code></Error>`, `<ListBucketResult><Contents><Contents><Key>`, "",
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		p, err := readPage(strings.NewReader(text), "")
		if err != nil {
			if p.next != "" || p.objects != nil {
				t.Error("an error, and a page")
			}
			return
		}
		var whole struct {
			XMLName  xml.Name `xml:"ListBucketResult"`
			Contents []struct{ Key string }
		}
		if err := xml.NewDecoder(strings.NewReader(text)).Decode(&whole); err != nil {
			t.Fatalf("it is no XML: %v", err)
		}
		if len(p.objects) != len(whole.Contents) || len(p.objects) > pageKeys {
			t.Errorf("%d objects of %d", len(p.objects), len(whole.Contents))
		}
		for _, o := range p.objects {
			if o.Size < 0 || !isETag(o.ETag) {
				t.Errorf("%+v", o)
			}
		}
	})
}
