// Uploads a file with tusgo, as its last argument says, and prints the address.
package main

import (
	"crypto/sha256"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"

	"github.com/bdragon300/tusgo"
)

func must(err error) {
	if err != nil {
		panic(err)
	}
}

func main() {
	endpoint, authorization, file, mode := os.Args[1], os.Args[2], os.Args[3], os.Args[4]
	base, err := url.Parse(endpoint)
	must(err)
	client := tusgo.NewClient(http.DefaultClient, base)
	client.GetRequest = func(method, target string, body io.Reader, c *tusgo.Client, h *http.Client) (*http.Request, error) {
		request, err := http.NewRequest(method, target, body)
		if err == nil {
			request.Header.Set("Authorization", authorization)
		}
		return request, err
	}
	_, err = client.UpdateCapabilities()
	must(err)
	source, err := os.Open(file)
	must(err)
	info, err := source.Stat()
	must(err)
	metadata := map[string]string{"filename": "tusgo.bin"}
	if mode == "checksum" {
		upload := tusgo.Upload{}
		_, err = client.CreateUpload(&upload, info.Size(), false, metadata)
		must(err)
		stream := tusgo.NewUploadStream(client, &upload).WithChecksumAlgorithm("sha256")
		stream.ChunkSize = 4 << 20
		_, err = io.Copy(stream, source)
		must(err)
		_ = sha256.New
		fmt.Println(upload.Location)
		return
	}
	if mode == "deferred length" {
		upload := tusgo.Upload{}
		_, err = client.CreateUpload(&upload, tusgo.SizeUnknown, false, metadata)
		must(err)
		upload.RemoteSize = info.Size()
		stream := tusgo.NewUploadStream(client, &upload)
		stream.SetUploadSize = true
		_, err = io.Copy(stream, source)
		must(err)
		fmt.Println(upload.Location)
		return
	}
	half := info.Size() / 2
	parts := make([]tusgo.Upload, 2)
	for i, size := range []int64{half, info.Size() - half} {
		_, err = client.CreateUpload(&parts[i], size, true, nil)
		must(err)
		stream := tusgo.NewUploadStream(client, &parts[i])
		_, err = io.CopyN(stream, source, size)
		must(err)
	}
	final := tusgo.Upload{}
	_, err = client.ConcatenateUploads(&final, parts, metadata)
	must(err)
	fmt.Println(final.Location)
}
