// A registry of images and artifacts over a folder: registry ADDRESS FOLDER [USER:PASSWORD].
package main

import (
	"log"
	"net/http"
	"os"
	"strings"

	"github.com/google/go-containerregistry/pkg/registry"
)

func main() {
	handler := registry.New(registry.WithBlobHandler(registry.NewDiskBlobHandler(os.Args[2])))
	if len(os.Args) > 3 {
		handler = gated(handler, os.Args[3])
	}
	log.Fatal(http.ListenAndServe(os.Args[1], handler))
}

// gated asks for a name and a password, as registries do without a token service.
func gated(inner http.Handler, account string) http.Handler {
	name, word, _ := strings.Cut(account, ":")
	return http.HandlerFunc(func(writer http.ResponseWriter, request *http.Request) {
		if user, password, _ := request.BasicAuth(); user != name || password != word {
			writer.Header().Set("WWW-Authenticate", `Basic realm="registry"`)
			http.Error(writer, `{"errors":[{"code":"UNAUTHORIZED"}]}`, http.StatusUnauthorized)
			return
		}
		inner.ServeHTTP(writer, request)
	})
}
