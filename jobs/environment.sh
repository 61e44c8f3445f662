# Each job sources this file. It sets up Python and the environment with floodscan.
#   FLOODSCAN_VENV      the virtual environment with floodscan; default: ~/floodscan/.venv
#   FLOODSCAN_MODULES   modules to load; default: Python from MeluXina's 2024.1 release
if command -v module >/dev/null 2>&1; then
  # shellcheck disable=SC2086
  module load ${FLOODSCAN_MODULES:-env/release/2024.1 Python/3.12.3-GCCcore-13.3.0}
fi
source "${FLOODSCAN_VENV:-$HOME/floodscan/.venv}/bin/activate"
# each worker process has a few cores, so libraries must not start threads of their own
export OMP_NUM_THREADS=1 OPENBLAS_NUM_THREADS=1 MKL_NUM_THREADS=1
