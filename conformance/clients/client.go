// Go's net/http over HTTP/1.1 and HTTP/2: one job per line, one line of results, as in lines.py.
package main

import (
	"bufio"
	"bytes"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"sort"
	"strings"
	"time"
)

const patience = 10 * time.Second

type step struct {
	Method  string
	Path    string
	Fields  [][2]string
	Body    *int
	Chunked bool
	Pause   int
}

type job struct {
	ID    int
	Way   string
	Port  int
	CA    string
	Steps []step
}

type outcome map[string]any

// Hides the length of a body, so that it is sent in chunks.
type unsized struct{ io.Reader }

func pairs(header http.Header) [][2]string {
	all := [][2]string{}
	for name, values := range header {
		for _, value := range values {
			all = append(all, [2]string{strings.ToLower(name), value})
		}
	}
	sort.SliceStable(all, func(a, b int) bool { return all[a][0] < all[b][0] })
	return all
}

func failure(err error) outcome {
	kind := "error"
	for _, known := range []string{"EOF", "reset", "broken pipe", "refused", "stream error", "malformed", "Timeout"} {
		if strings.Contains(err.Error(), known) {
			kind = known
			break
		}
	}
	return outcome{"error": kind, "detail": err.Error()}
}

func ask(client *http.Client, job job, step step) outcome {
	time.Sleep(time.Duration(step.Pause) * time.Millisecond)
	scheme := "https"
	if job.Way == "http1" {
		scheme = "http"
	}
	var body io.Reader
	if step.Body != nil {
		body = bytes.NewReader(bytes.Repeat([]byte("0123456789abcdef"), *step.Body/16+1)[:*step.Body])
		if step.Chunked {
			body = unsized{body}
		}
	}
	request, err := http.NewRequest(step.Method, fmt.Sprintf("%s://localhost:%d%s", scheme, job.Port, step.Path), body)
	if err != nil {
		return failure(err)
	}
	for _, field := range step.Fields {
		request.Header.Add(field[0], field[1])
	}
	answer, err := client.Do(request)
	if err != nil {
		return failure(err)
	}
	defer answer.Body.Close()
	content, err := io.ReadAll(answer.Body)
	if err != nil {
		return failure(err)
	}
	if (answer.ProtoMajor == 2) != (job.Way == "http2") {
		return outcome{"error": "protocol", "detail": answer.Proto}
	}
	fields := pairs(answer.Header)
	if answer.Header.Get("Content-Length") == "" && answer.ContentLength >= 0 && step.Method != "HEAD" {
		fields = append(fields, [2]string{"content-length", fmt.Sprint(answer.ContentLength)})
	}
	sum := sha256.Sum256(content)
	said := outcome{"status": answer.StatusCode, "fields": fields, "length": len(content),
		"sha256": hex.EncodeToString(sum[:]), "trailers": pairs(answer.Trailer)}
	if len(content) <= 20000 {
		said["text"] = string(content)
	}
	return said
}

func handle(job job) []outcome {
	pem, err := os.ReadFile(job.CA)
	if err != nil {
		return []outcome{failure(err)}
	}
	pool := x509.NewCertPool()
	pool.AppendCertsFromPEM(pem)
	transport := &http.Transport{
		TLSClientConfig:        &tls.Config{RootCAs: pool},
		ForceAttemptHTTP2:      job.Way == "http2",
		MaxResponseHeaderBytes: 1 << 20,
	}
	client := &http.Client{Transport: transport, Timeout: patience,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	results := []outcome{}
	for _, step := range job.Steps {
		results = append(results, ask(client, job, step))
	}
	transport.CloseIdleConnections()
	return results
}

func main() {
	input := bufio.NewReader(os.Stdin)
	output := json.NewEncoder(os.Stdout)
	for {
		line, err := input.ReadBytes('\n')
		if err != nil {
			return
		}
		var job job
		if err := json.Unmarshal(line, &job); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		_ = output.Encode(map[string]any{"id": job.ID, "results": handle(job)})
	}
}
