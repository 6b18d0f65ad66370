"""Check gradients of your own, in a module (.py) or a notebook (.ipynb).

The file defines one or more of these functions, under these names::

    1.1  hypothesis_grad(theta, x)    returns dh/dtheta for one row x of features: shape (7,)
    1.2  hinge_grad(theta, X, y)      returns dl/dtheta: shape (7,)
    1.3  algorithm_pass(theta, X, y, step_size)  returns the weights after Algorithm 1 has
                                      visited each sample once, in order: shape (7,)
    2.1  delta_out(z, y)              returns dL/dz for each z before the sigmoid: shape (n,)
    2.2  output_grad(params, X, y)    returns (dL/dw_out, dL/db_out): shape (m,), a number
    2.3  hidden_grad(params, X, y)    returns (dL/dW_hidden, dL/db_hidden): (d, m), (m,)
    2.4  loss_grad(params, X, y, l2)  returns the derivatives with respect to W_hidden,
                                      b_hidden, w_out and b_out, in this order

`X` holds one sample per row: n samples, d inputs, m hidden units. `params` has the fields
W_hidden, b_hidden, w_out and b_out. The losses are those of the book: sums over the samples;
labels -1 and +1 in question 1, where the linear feature theta[5] is masked, and 0 and 1 in
question 2; the penalty is l2/2 times the sum of the squared weights, without the biases.

Questions 1.2, 1.3 and 2.3 are worth 2 points, the others 1: 10 in all. A question that passes has
its points, any other has none.

With ``--homework`` the same functions are asked of another model: theta[3] is masked, and not
theta[5]; a hidden unit returns min(z, 0), with the derivative 1 where z < 0, else 0; labels are
-1 and +1 in question 2, too, with the loss log(1 + exp(-y z)) of a sample, z before the sigmoid.
For this model hwlib has no gradient: its own are wrong.

Each function is called at two points with irregular numbers, and at one that is drawn anew. To
call yours at the first::

    from hwlib.grading import QUESTIONS  # or HOMEWORK
    theta, X, y = QUESTIONS[1].cases[0][0]  # for 1.2; QUESTIONS[0] is 1.1, QUESTIONS[6] 2.4
    print(hinge_grad(theta, X, y))

