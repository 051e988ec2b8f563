// Uploads a file with tus-java-client, up to so many bytes where they are given, at a known address where that is given, and prints
// the address.

import io.tus.java.client.TusClient;
import io.tus.java.client.TusUpload;
import io.tus.java.client.TusUploader;
import java.io.File;
import java.net.URL;
import java.util.Map;

class Upload {
  public static void main(String[] args) throws Exception {
    long stop = Long.parseLong(args[3]);
    TusClient client = new TusClient();
    client.setUploadCreationURL(new URL(args[0]));
    client.setHeaders(Map.of("Authorization", args[1]));
    TusUpload upload = new TusUpload(new File(args[2]));
    TusUploader uploader =
        args.length > 4
            ? client.beginOrResumeUploadFromURL(upload, new URL(args[4]))
            : client.createUpload(upload);
    uploader.setChunkSize(1024 * 1024);
    while (uploader.getOffset() < stop && uploader.uploadChunk() > -1) {}
    uploader.finish();
    System.out.println(uploader.getUploadURL());
  }
}
