"""Where a Plan is carried out: this machine's processes, or a cluster.

A target observes and carries out. It decides nothing: that is ``lifecycle``'s.
"""
