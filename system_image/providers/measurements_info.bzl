"""MeasurementsInfo: what a verifier has to expect."""

MeasurementsInfo = provider(
    doc = "What a verifier has to expect of a confidential VM.",
    fields = {
        "measurements": "File: JSON; tools/sysimage/measure/measurements.py has the format.",
    },
)
