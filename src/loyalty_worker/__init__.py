"""The loyalty accrual worker: rating slips in from Kafka, ledger entries out to PostgreSQL.

A record's way, and who may import whom (each layer knows only those to its right):

    cli -> demo -> app -> {consumers | database | publishing | embedded} -> application -> ports
    -> domain

``consumers`` turns bytes into events and outcomes into committed offsets; ``application`` takes
one batch in and gives one outcome per record out; ``database`` has one method per SQL function;
``domain`` holds the rules that need nothing but the standard library. ``settings`` and
``telemetry`` are leaves. CONTRIBUTING.md follows one record through all of them.
"""
