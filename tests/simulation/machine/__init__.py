"""One machine in one process and on simulated time: a process table, ports and a disk for the real supervisor.

The supervisor, its launches and its store are real, and so are the files. Processes, signals and ports are played by
``process_table``, the calls between the two by ``stand_ins``; ``schedule`` says what happens when.
"""
