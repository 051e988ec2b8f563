# What only Debusine's client library does, and no command of it: `<api> <token> fill <artifact> <folder> <path>...`
# uploads files of an artifact that is there already, `<api> <token> relate <one> <other>` relates two twice.
import logging
import sys
from pathlib import Path

from debusine.client.debusine import Debusine
from debusine.client.models import RelationType

api, token, command, *arguments = sys.argv[1:]
debusine = Debusine(api, token, "debusine", logger=logging.getLogger())
if command == "fill":
    artifact, folder, *paths = arguments
    debusine.upload_files(int(artifact), {path: Path(path) for path in paths}, Path(folder))
else:
    one, other = map(int, arguments)
    relations = [debusine.relation_create(one, other, RelationType.EXTENDS) for _ in range(2)]
    print(relations[0].id == relations[1].id)
