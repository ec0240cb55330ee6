package credentials

import (
	"context"
	"encoding/xml"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"os"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
)

// webIdentity returns the credentials of a role that AWS STS gives for a token of another issuer, such as that of a
// service account in EKS. The token is the proof, so the request is not signed.
// https://docs.aws.amazon.com/STS/latest/APIReference/API_AssumeRoleWithWebIdentity.html
func webIdentity(file, role, region string) (aws.CredentialsProvider, error) {
	if role == "" {
		return nil, errors.New("AWS_WEB_IDENTITY_TOKEN_FILE is set without AWS_ROLE_ARN")
	}
	at, err := stsAddress(region)
	if err != nil {
		return nil, err
	}
	session := os.Getenv("AWS_ROLE_SESSION_NAME")
	if session == "" {
		session = "besra"
	}
	c := client(http.ProxyFromEnvironment)
	return origin{"AWS_WEB_IDENTITY_TOKEN_FILE", func(ctx context.Context) (aws.Credentials, error) {
		token, err := readFile(file)
		if err != nil {
			return aws.Credentials{}, err
		}
		form := url.Values{
			"Action": {"AssumeRoleWithWebIdentity"}, "Version": {"2011-06-15"},
			"RoleArn": {role}, "RoleSessionName": {session}, "WebIdentityToken": {token},
		}
		r, err := http.NewRequestWithContext(ctx, http.MethodPost, at, strings.NewReader(form.Encode()))
		if err != nil {
			return aws.Credentials{}, err
		}
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		body, err := fetch(c, r)
		if err != nil {
			return aws.Credentials{}, refusal(err, token)
		}
		return readRole(body)
	}}, nil
}

// stsAddress returns where STS is: in the cache's region, or where the environment says.
func stsAddress(region string) (string, error) {
	for _, name := range []string{"AWS_ENDPOINT_URL_STS", "AWS_ENDPOINT_URL"} {
		given := os.Getenv(name)
		if given == "" {
			continue
		}
		u, err := url.Parse(given)
		if err != nil || u.Hostname() == "" || u.User != nil || u.Scheme != "https" && (u.Scheme != "http" || !isLocal(u.Hostname())) {
			return "", fmt.Errorf("%s is no https URL", name)
		}
		return given, nil
	}
	domain := "amazonaws.com"
	if strings.HasPrefix(region, "cn-") {
		domain = "amazonaws.com.cn"
	}
	return "https://sts." + region + "." + domain + "/", nil
}

func readRole(body []byte) (aws.Credentials, error) {
	var a struct {
		Credentials struct {
			AccessKeyID     string `xml:"AccessKeyId"`
			SecretAccessKey string
			SessionToken    string
			Expiration      time.Time
		} `xml:"AssumeRoleWithWebIdentityResult>Credentials"`
	}
	if xml.Unmarshal(body, &a) != nil || a.Credentials.Expiration.IsZero() {
		return aws.Credentials{}, errors.New("the answer is no credentials in XML")
	}
	return aws.Credentials{
		AccessKeyID: a.Credentials.AccessKeyID, SecretAccessKey: a.Credentials.SecretAccessKey,
		SessionToken: a.Credentials.SessionToken, CanExpire: true, Expires: a.Credentials.Expiration,
	}, nil
}

// refusal adds why STS refuses, which is what an operator needs to know, unless it repeats the token.
func refusal(err error, token string) error {
	status, ok := errors.AsType[*statusError](err)
	if !ok {
		return err
	}
	var a struct {
		Code    string `xml:"Error>Code"`
		Message string `xml:"Error>Message"`
	}
	if xml.Unmarshal(status.body, &a) != nil || a.Code == "" || strings.Contains(a.Code+a.Message, token) {
		return err
	}
	return fmt.Errorf("%w: %.50q: %.200q", err, a.Code, a.Message)
}
