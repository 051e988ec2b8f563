"""Uploads a file with tuspy as the JSON in the first argument says; prints its address."""

import json
import sys

from tusclient import client
from tusclient.storage import filestorage

options = json.loads(sys.argv[1])
tus = client.TusClient(options["endpoint"], headers=options["headers"])
arguments = {
    "file_path": options["file"],
    "chunk_size": options.get("chunk_size", 5 * 1024 * 1024),
    "metadata": options.get("metadata", {}),
    "upload_checksum": options.get("checksum", False),
}
if "storage" in options:
    arguments["store_url"] = True
    arguments["url_storage"] = filestorage.FileStorage(options["storage"])
uploader = tus.uploader(**arguments)
uploader.upload(stop_at=options.get("stop_at"))
print(json.dumps({"url": uploader.url, "offset": uploader.offset}))
