# Sourced by every job: Python, and the environment that floodscan is installed in.
#   FLOODSCAN_VENV      where that is; default: ~/floodscan/.venv
#   FLOODSCAN_MODULES   modules to load; default: those of MeluXina's 2024.1 release
if command -v module >/dev/null 2>&1; then
  # shellcheck disable=SC2086
  module load ${FLOODSCAN_MODULES:-env/release/2024.1 Python/3.12.3-GCCcore-13.3.0}
fi
source "${FLOODSCAN_VENV:-$HOME/floodscan/.venv}/bin/activate"
# one worker process per few cores: libraries must not start threads of their own
export OMP_NUM_THREADS=1 OPENBLAS_NUM_THREADS=1 MKL_NUM_THREADS=1
