// Judges certificates with Go's crypto/x509, the library that containerd and k3s use. Reads a JSON list of cases from
// standard input and writes a JSON object of answers: null for an accepted case, else the error's text.
package main

import (
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"os"
	"time"
)

type testCase struct {
	Name  string `json:"name"`
	Chain string `json:"chain"` // PEM, the server's certificate first
	Trust string `json:"trust"` // PEM
	Host  string `json:"host"`
	At    int64  `json:"at"` // seconds since 1970
}

func parse(text string) ([]*x509.Certificate, error) {
	var certificates []*x509.Certificate
	rest := []byte(text)
	for {
		var block *pem.Block
		block, rest = pem.Decode(rest)
		if block == nil {
			return certificates, nil
		}
		if block.Type != "CERTIFICATE" {
			continue
		}
		certificate, err := x509.ParseCertificate(block.Bytes)
		if err != nil {
			return nil, err
		}
		certificates = append(certificates, certificate)
	}
}

func judge(c testCase) error {
	chain, err := parse(c.Chain)
	if err != nil {
		return err
	}
	trust, err := parse(c.Trust)
	if err != nil {
		return err
	}
	if len(chain) == 0 || len(trust) == 0 {
		return fmt.Errorf("no certificate")
	}
	roots, intermediates := x509.NewCertPool(), x509.NewCertPool()
	for _, certificate := range trust {
		roots.AddCert(certificate)
	}
	for _, certificate := range chain[1:] {
		intermediates.AddCert(certificate)
	}
	_, err = chain[0].Verify(x509.VerifyOptions{
		DNSName:       c.Host,
		Roots:         roots,
		Intermediates: intermediates,
		CurrentTime:   time.Unix(c.At, 0),
		KeyUsages:     []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
	})
	return err
}

func main() {
	var cases []testCase
	if err := json.NewDecoder(os.Stdin).Decode(&cases); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(2)
	}
	answers := map[string]*string{}
	for _, c := range cases {
		answers[c.Name] = nil
		if err := judge(c); err != nil {
			text := err.Error()
			answers[c.Name] = &text
		}
	}
	if err := json.NewEncoder(os.Stdout).Encode(answers); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(2)
	}
}
