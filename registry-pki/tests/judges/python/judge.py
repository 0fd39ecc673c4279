"""Judges certificates with pyca/cryptography's verifier. Same input and output as the Go judge."""

import datetime
import ipaddress
import json
import sys

from cryptography import x509
from cryptography.x509.verification import PolicyBuilder, Store


def judge(case):
    chain = x509.load_pem_x509_certificates(case["chain"].encode())
    trust = x509.load_pem_x509_certificates(case["trust"].encode())
    try:
        subject = x509.IPAddress(ipaddress.ip_address(case["host"]))
    except ValueError:
        subject = x509.DNSName(case["host"])
    at = datetime.datetime.fromtimestamp(case["at"], datetime.timezone.utc).replace(tzinfo=None)
    verifier = PolicyBuilder().store(Store(trust)).time(at).build_server_verifier(subject)
    verifier.verify(chain[0], chain[1:])


def main():
    answers = {}
    for case in json.load(sys.stdin):
        try:
            judge(case)
            answers[case["name"]] = None
        except Exception as error:  # noqa: BLE001 - whatever it says is its answer
            answers[case["name"]] = f"{type(error).__name__}: {error}"
    json.dump(answers, sys.stdout)


if __name__ == "__main__":
    main()
