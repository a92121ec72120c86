"""A sample service: FastAPI around a guarded scikit-learn model that reads handwritten digits.

Run it with `uvicorn digit_service:app`. Its profile is calibrated offline, by `python calibrate.py`.
"""

import asyncio
from pathlib import Path
from typing import Any

import numpy as np
import pandera.pandas as pa
from fastapi import FastAPI, Response
from sklearn.datasets import load_digits
from sklearn.linear_model import LogisticRegression

import guardrails as gr

HERE = Path(__file__).parent
BLOCKS = [f"ink_{place}" for place in range(16)]  # the mean ink of each 2 x 2 pixels
SCANNERS = ["lobby", "office", "mobile"]
PROFILE = HERE / "digit.profile.json"

# --- the model, and what a request must look like ----------------------------------------------------------------

images, digits = load_digits(return_X_y=True)
scans = images.reshape(-1, 4, 2, 4, 2).mean(axis=(2, 4)).reshape(-1, 16)
order = np.random.default_rng(0).permutation(len(scans))
TRAIN, HELD_OUT, TODAY = order[:500], order[500:1700], order[1700:]
model = LogisticRegression(max_iter=2000, C=0.1).fit(scans[TRAIN], digits[TRAIN])

contract = gr.Contract(
    pa.DataFrameSchema(
        {
            "scanner": pa.Column(str, pa.Check.isin(SCANNERS)),
            "operator": pa.Column(str, required=False),
            **{name: pa.Column(float, pa.Check.in_range(0, 16)) for name in BLOCKS},
        }
    )
)


means = np.array([scans[TRAIN][digits[TRAIN] == digit].mean(axis=0) for digit in range(10)])


def strangeness(scan: dict[str, Any]) -> float:
    """How far a scan is from the mean of the nearest digit."""
    row = np.array([scan[name] for name in BLOCKS])
    return float(np.linalg.norm(means - row, axis=1).min())


def is_distribution(probabilities: Any) -> bool:
    """Ten probabilities that sum to one."""
    return (
        len(probabilities) == 10
        and bool(np.isfinite(probabilities).all())
        and abs(sum(probabilities) - 1) < 1e-6
    )


def request_of(row: int, scanner: str = "lobby") -> dict[str, Any]:
    """One of the scans as a client sends it."""
    blocks = dict(zip(BLOCKS, scans[row].tolist(), strict=True))
    return {"scanner": scanner, "operator": "kim", **blocks}


def probabilities_of(scan: dict[str, Any]) -> Any:
    """What the model says of one scan."""
    return model.predict_proba(np.array([[scan[name] for name in BLOCKS]]))[0]


# --- the guards --------------------------------------------------------------------------------------------------


def ink(scan: dict[str, Any]) -> Any:
    """The fallback: little ink is a one, everything else is likelier something else."""
    one = 0.6 if sum(scan[name] for name in BLOCKS) < 60 else 0.05
    return np.array([(1 - one) / 9, one, *[(1 - one) / 9] * 8])


def build() -> dict[str, Any]:
    """The guarded functions of the service; the profile has been calibrated before."""
    profile = gr.Profile.load(PROFILE)
    common: dict[str, Any] = {
        "contract": contract,
        "output": is_distribution,
        "budget": 10.0,
        "fallbacks": [ink],
        "novelty": strangeness,
    }
    known = gr.guard(
        "digit", profile=profile, cohort="scanner", review=gr.ReviewQueue("reviews.db"), **common
    )
    # the trial model has the first one's profile, but filters of its own: nothing is certified for it
    trial = gr.guard("digit-trial", profile=profile, cohort="scanner", **{**common, "output": None})

    async def remote(scan: dict[str, Any]) -> Any:
        return await asyncio.to_thread(probabilities_of, scan)

    return {"digits": known(probabilities_of), "trial": trial(probabilities_of), "remote": known(remote)}


if PROFILE.exists():
    guards = build()
    read_digit, read_trial, read_remote = guards["digits"], guards["trial"], guards["remote"]

app = FastAPI()


def reply(decision: gr.Decision[Any], response: Response) -> dict[str, Any]:
    """What each outcome means to the client."""
    said: dict[str, Any] = {
        "decision": decision.id,
        "caveats": [caveat.code.value for caveat in decision.caveats],
    }
    match decision:
        case gr.Works():
            return {**said, "digit": int(decision.prediction)}
        case gr.Degraded():
            labels = sorted(map(int, decision.prediction_set or ()))
            return {
                **said,
                "digit": int(np.argmax(decision.value)),
                "labels": labels,
                "by": decision.served_by,
            }
        case gr.NeedsReview():
            response.status_code = 202
            return {**said, "message": "a person reads the scan"}


@app.post("/digits")
def digits_endpoint(scan: dict[str, Any], response: Response) -> dict[str, Any]:
    """Read one scan; FastAPI runs this in a thread of its own."""
    return reply(read_digit(scan), response)


@app.post("/digits/trial")
def trial_endpoint(scan: dict[str, Any], response: Response) -> dict[str, Any]:
    """The model on trial."""
    return reply(read_trial(scan), response)


@app.post("/digits/remote")
async def remote_endpoint(scan: dict[str, Any], response: Response) -> dict[str, Any]:
    """The same model behind an event loop."""
    return reply(await read_remote(scan), response)
