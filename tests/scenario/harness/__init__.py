"""The tools of the scenario tests; conftest.py beside this folder tells how to use them."""
