"""The service mesh of wiring ``chain-mesh``, without a cluster: a real Envoy beside each process of a service.

The services run the chain's code; only the addresses they are told differ.
"""
