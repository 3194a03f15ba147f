"""How fast the backbones are, and in how much memory: ``python -m harness speed``.

Every case is first tried in a process of its own, which finds out what it needs. The cases that fit then take turns in
this process, with a copy and a matrix product between them that show what the machine can do at that moment.
"""
