"""Reads an image's papers, ``CONTENTS PROVENANCE``, with the libraries of those who made their formats.

It runs in an environment of its own: these libraries ask for releases that engines do not work with.
"""

import json
import sys
from pathlib import Path

from cyclonedx.schema import SchemaVersion
from cyclonedx.validation.json import JsonStrictValidator
from google.protobuf.json_format import ParseDict
from in_toto_attestation.predicates.provenance.v1 import provenance_pb2
from in_toto_attestation.v1 import statement_pb2
from in_toto_attestation.v1.statement import Statement

contents, provenance = (Path(argument).read_text() for argument in sys.argv[1:])
wrong = JsonStrictValidator(SchemaVersion.V1_6).validate_str(contents)
if wrong is not None:
    sys.exit(f"no CycloneDX 1.6: {wrong}")
statement = json.loads(provenance)
Statement.copy_from_pb(ParseDict(statement, statement_pb2.Statement())).validate()
ParseDict(statement["predicate"], provenance_pb2.Provenance())
print("both are what they say")
