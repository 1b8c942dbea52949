"""Measuring a served model: requests at rising concurrency, the times of their answers, and the statistics of these.

``workload`` says what is asked, ``trial`` learns what the server takes, ``load`` sends the requests, ``answer_reader``
and ``record`` hold what came back, ``statistics`` and ``result`` are pure. Printing does not belong here.
"""
