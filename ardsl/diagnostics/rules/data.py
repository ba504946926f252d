"""AR5xx: data, files and runs. Their messages are one line; the examples are short transcripts."""

from ardsl.diagnostics.diagnostic import Rule

NO_SOURCE = Rule(
    code="AR500",
    title="no data named",
    message="there is no {split} data: {help}",
    explanation=(
        "Training needs a source for `train`, evaluation one for `test` or the `--data` option. A source is `PATH` or "
        "`PATH#KEY`, named in the `data` block or on the command line, which overrides the block."
    ),
    wrong="$ ardsl train digits.ar\nerror[AR500]: there is no train data: …",
    right='data { train = "digits.npz#train"  valid = "digits.npz#valid" }',
)

UNREADABLE = Rule(
    code="AR501",
    title="a file that cannot be read",
    message="{path}: {problem}",
    explanation=(
        "The file is missing, is a directory, may not be read, is cut short, or is not in the format that its suffix "
        "promises. Tables are UTF-8 text. Arrays of pickled Python objects are never loaded, because loading them "
        "would run code: save numbers, or strings of a fixed width.\n\n"
        "Paths in a spec are relative to the spec, or to `--data-dir`."
    ),
    wrong="$ ardsl eval runs/digits --data digts.npz\nerror[AR501]: digts.npz: there is no such file",
    right="$ ardsl eval runs/digits --data digits.npz#test",
)

NO_SUCH_KEY = Rule(
    code="AR502",
    title="no such key or column",
    message="{path}: {problem}",
    explanation=(
        "Each variable takes the array or column of its own name, a record's field that of the field. A setting of the "
        "`data` block named after the variable says otherwise; `{split}` in it stands for train, valid or test. A "
        "model of one variable also finds the array named like the split, or the only array there is."
    ),
    wrong='data { train = "digits.npz"  x = "imgaes" }\nerror[AR502]: digits.npz: there is no array `imgaes` for `x`',
    right='data { train = "digits.npz"  x = "images" }',
)

WRONG_SHAPE = Rule(
    code="AR503",
    title="data of the wrong shape or type",
    message="{place}: {problem}",
    explanation=(
        "A variable's data is an array of numbers with one row for each example: [examples, *axes] with the declared "
        "axes in the declared order, [examples] for a scalar, [examples, fields] for a record. All variables have the "
        "same number of examples, and there is at least one."
    ),
    wrong=(
        "observed x[28, 28] : binary\nerror[AR503]: digits.npz#train: `x` needs rows of the shape [28, 28], not [784]"
    ),
    right="observed x[784] : binary",
)

OUTSIDE_DOMAIN = Rule(
    code="AR504",
    title="a value outside its domain",
    message="{place}: `{element}` takes {allowed} ({domain}), not {value}{more}",
    explanation=(
        "Every value is checked against the domain its variable declares, before anything is computed. Lines of a "
        "table count from 1, the header being the first; rows and elements of an array count from 0. Real numbers must "
        "be finite, also when stored with the precision of the training.\n\n"
        "Either the data or the domain has to change: nothing is clipped or rounded."
    ),
    wrong=(
        "observed age : count\nerror[AR504]: people.csv, line 7, column `age`: `age` takes 0, 1, 2 … (count), not '-3'"
    ),
    right="observed age : real",
)

MISSING_VALUES = Rule(
    code="AR505",
    title="missing values",
    message="{path}: {count} missing in {rows} of {total} rows ({where}): {help}",
    explanation=(
        "Missing are empty cells of a table and `?`, `NA`, `N/A`, `NaN`, `nan`, `null` (unless a category has that "
        "label), and NaN in arrays. `missing = drop` in the `data` block leaves out the rows that have any; a category "
        "may as well declare the mark as a label of its own."
    ),
    wrong='data { train = "people.csv" }\nerror[AR505]: people.csv: 5 missing in 4 of 90 rows (age 4, city 1): …',
    right='data { train = "people.csv"  missing = drop }',
)

WRONG_FORMAT = Rule(
    code="AR506",
    title="data of an unknown kind",
    message="{problem}",
    explanation=(
        "Data may be a path (`.npz`, `.npy`, `.csv`, `.tsv`), an array, a tensor, a dict of these by variable or by "
        "split, a data frame, or a torch Dataset with a length."
    ),
    wrong="$ ardsl train digits.ar --data train=digits.mat\nerror[AR506]: digits.mat: `.mat` files are not read; …",
    right="$ ardsl train digits.ar --data train=digits.npz#train",
)

BAD_TABLE = Rule(
    code="AR507",
    title="a malformed table",
    message="{path}, line {line}: {problem}",
    explanation=(
        "The first line of a table names its columns, each once; every further line has as many cells. Cells are "
        "separated by commas (or throughout by semicolons or tabs), and may be quoted."
    ),
    wrong="age,city\n41,Bern,BE\nerror[AR507]: people.csv, line 2: 3 cells where the header has 2",
    right='age,city\n41,"Bern, BE"',
)

UNUSABLE_OPTION = Rule(
    code="AR510",
    title="an option that cannot be used here",
    message="{problem}",
    explanation="The device, the precision or another option of a run is unknown, or this machine lacks it.",
    wrong="$ ardsl train digits.ar --device cuda\nerror[AR510]: there is no device `cuda` here: …",
    right="$ ardsl train digits.ar --device cpu",
)

NOT_FINITE = Rule(
    code="AR511",
    title="the training diverged",
    message="the loss is no longer a number in epoch {epoch}{step}: {kept}; a lower `rate` or `clip = 1` may help",
    explanation=(
        "A step made the loss infinite or NaN, so training stops. The weights of the last good epoch are kept. The "
        "usual causes are a learning rate that is too high, data of a very large scale, or the precision 16."
    ),
    wrong="train { optimizer = sgd(rate = 100) }",
    right="train { optimizer = sgd(rate = 0.01)  clip = 1 }",
)

LOST_PROCESS = Rule(
    code="AR512",
    title="a process of the training is gone",
    message="{what}: a training on several devices ends with each of its processes",
    explanation=(
        "One of the processes that train together was killed, for want of memory perhaps, or its machine cannot be "
        "reached, so the others have ended too. `--resume` goes on from the last checkpoint, and ends with the weights "
        "of the unbroken training."
    ),
    wrong="$ ardsl train digits.ar --devices 2\nerror[AR512]: the process of rank 1 was killed (SIGKILL): …",
    right="$ ardsl train digits.ar --devices 2 --resume",
)

BAD_RUN = Rule(
    code="AR520",
    title="not a run folder",
    message="{path}: {problem}",
    explanation=(
        "A run folder holds `spec.ar`, `run.json` and `weights.safetensors`, written by `ardsl train`. Training writes "
        "into a new or empty folder, or over an earlier run, and never among other files."
    ),
    wrong="$ ardsl sample digits.ar\nerror[AR520]: digits.ar: is not a run folder",
    right="$ ardsl sample runs/digits -n 64 -o digits.png",
)

BAD_WEIGHTS = Rule(
    code="AR521",
    title="weights that do not fit the spec",
    message="{path}: {problem}",
    explanation=(
        "The weights must be those that were trained with the folder's `spec.ar` and params: the names and shapes must "
        "be the plan's, and the spec's text the one stored in the file. Loading never executes anything."
    ),
    wrong="$ ardsl eval runs/digits --data test.npz\nerror[AR521]: runs/digits/weights.safetensors: …",
    right="restore the folder's files, or train again",
)

BAD_CHECKPOINT = Rule(
    code="AR522",
    title="a checkpoint that cannot be gone on from",
    message="{path}: {problem}",
    explanation=(
        "`--resume` goes on from the folder's `checkpoint.safetensors`, and ends with the weights of the unbroken run, "
        "bit for bit. That takes the spec, the params, the data and the settings that the training began with. Loading "
        "never executes anything. Without a checkpoint the training begins again, with the same result."
    ),
    wrong="$ ardsl train digits.ar --resume --seed 1\nerror[AR522]: runs/digits: …",
    right="$ ardsl train digits.ar --resume",
)

IN_USE = Rule(
    code="AR523",
    title="a folder that another process writes",
    message="{path}: another process is {doing} in it: wait for its end, or choose another folder with --out",
    explanation=(
        "One process at a time trains into a run folder, or works on a sweep; a training on several devices counts as "
        "one. Others may read the folder meanwhile, as `ardsl sample` does. A process that was killed keeps no folder."
    ),
    wrong="$ ardsl train digits.ar & ardsl train digits.ar\nerror[AR523]: runs/digits: another process is training …",
    right="$ ardsl train digits.ar & ardsl train digits.ar --seed 1 --out runs/digits-1",
)

BAD_OUTPUT = Rule(
    code="AR530",
    title="an output that cannot be written",
    message="{path}: {problem}",
    explanation=(
        "Samples go to `.npz` (every model), `.csv` (a column for each element) or `.png` (a grid, for a variable of "
        "two axes, or of three with 1 or 3 channels). Files are written whole or not at all."
    ),
    wrong="$ ardsl sample runs/table -n 9 -o table.png\nerror[AR530]: table.png: no variable is an image: …",
    right="$ ardsl sample runs/table -n 9 -o table.csv",
)

BAD_EVENT = Rule(
    code="AR540",
    title="a question that cannot be read",
    message="`{event}`: {problem}",
    explanation=(
        'An event compares columns with values: `age >= 65 and income < 30000`, `sex = "F"`, `18 <= age < 30`, '
        "`k in {1, 2}`, `x[3] != 2`, joined by `and`, `or`, `not` and parentheses. A column is a variable, an element "
        "`x[3]`, a field, or a column of the data; in back quotes its name may have any characters. Categories are "
        "compared by `=`, `!=` and `in` alone, with their labels."
    ),
    wrong='$ ardsl probability runs/people "agee >= 65"\nerror[AR540]: `agee >= 65`: there is no column `agee`: …',
    right='$ ardsl probability runs/people "age >= 65"',
)
