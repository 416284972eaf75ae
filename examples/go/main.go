// A service that ends its requests before it stops, behind Teal on a Unix socket.
package main

import (
	"context"
	"fmt"
	"log"
	"net"
	"net/http"
	"os"
	"os/signal"
	"syscall"
	"time"
)

func main() {
	version, socket := os.Getenv("VERSION"), os.Getenv("SOCKET")

	mux := http.NewServeMux()
	mux.HandleFunc("/", func(w http.ResponseWriter, r *http.Request) {
		time.Sleep(5 * time.Millisecond) // some work
		fmt.Fprintf(w, "version %s\n", version)
	})
	mux.HandleFunc("/health", func(w http.ResponseWriter, r *http.Request) {
		fmt.Fprintln(w, "hello is well")
	})
	// IdleTimeout: longer than Teal's timeouts.target_idle, which is 30 s.
	server := &http.Server{Handler: mux, ReadHeaderTimeout: 10 * time.Second, IdleTimeout: 75 * time.Second}

	// What an earlier process left behind at this path is nobody's by now: systemd runs one of each color.
	if err := os.Remove(socket); err != nil && !os.IsNotExist(err) {
		log.Fatal(err)
	}
	listener, err := net.Listen("unix", socket)
	if err != nil {
		log.Fatal(err)
	}
	if err := os.Chmod(socket, 0o666); err != nil { // the directory decides who reaches it
		log.Fatal(err)
	}

	stopped := make(chan struct{})
	go func() {
		signals := make(chan os.Signal, 1)
		signal.Notify(signals, syscall.SIGTERM, os.Interrupt)
		<-signals
		patience, cancel := context.WithTimeout(context.Background(), 25*time.Second)
		defer cancel()
		if err := server.Shutdown(patience); err != nil {
			log.Print(err)
		}
		close(stopped)
	}()

	log.Printf("%s serves at %s", version, socket)
	if err := server.Serve(listener); err != http.ErrServerClosed {
		log.Fatal(err)
	}
	<-stopped // Serve returns at once; Shutdown when the last request has ended.
}
