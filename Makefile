# make app   sets up all it needs and starts the app
# make test  sets up all it needs, checks and tests

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin

.PHONY: app test check browser clean

app: $(VENV)/app.stamp
	$(BIN)/python app.py

# A process a core with one thread each: the tests run small networks, and waiting threads cost more than they bring.
test: export OMP_NUM_THREADS := 1
test: check browser
	$(BIN)/python -m pytest --numprocesses auto --dist loadfile --max-worker-restart 0

check: $(VENV)/dev.stamp
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

# Debian's chromium where it can be installed, playwright's own elsewhere.
browser: $(VENV)/dev.stamp
	@if command -v chromium >/dev/null; then \
		:; \
	elif command -v apt-get >/dev/null && [ "$$(id -u)" = 0 ]; then \
		apt-get update -qq && apt-get install -y -qq --no-install-recommends chromium fonts-dejavu-core; \
	else \
		$(BIN)/playwright install chromium; \
	fi

$(VENV)/app.stamp: requirements.txt | $(VENV)
	$(BIN)/pip install --quiet --requirement requirements.txt
	touch $@

$(VENV)/dev.stamp: requirements.txt requirements-train.txt requirements-milvus.txt requirements-dev.txt | $(VENV)
	$(BIN)/pip install --quiet --requirement requirements-dev.txt
	touch $@

$(VENV):
	$(PYTHON) -m venv $(VENV)

clean:
	rm -rf $(VENV) .mypy_cache .ruff_cache .pytest_cache .import_linter_cache
