"""The option of `make smoke`."""


def pytest_addoption(parser):
    parser.addoption("--every-notebook", action="store_true", help="run every notebook at smoke from an empty store")
