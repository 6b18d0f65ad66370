"""Print the AVX-512 features that NumPy uses on this machine, for NPY_DISABLE_CPU_FEATURES."""

from numpy._core._multiarray_umath import __cpu_dispatch__, __cpu_features__

if __name__ == "__main__":
    # To name a feature that NumPy does not dispatch, or the machine lacks, is an error.
    found = [name for name in __cpu_dispatch__ if "AVX512" in name or name == "X86_V4"]
    print(" ".join(name for name in found if __cpu_features__.get(name)))
